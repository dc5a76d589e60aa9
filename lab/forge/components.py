"""Components (udebs) of Debian's installer, as suites of their own, `lab` and `whole`, beside the mirror's.

The installer that rooster serves fetches its components from the mirror, and their kernel modules must be of its own kernel. A
mirror may have them for another kernel only, or lack the file of one. So: the mirror's own, where it has them; modules out of the
package of the installer's kernel; and file systems' programs out of ordinary packages. Two components are the lab's: one has the
new system trust the lab's authority; and one, which the suite `whole` has not, begins it with what debootstrap made before.
"""
from __future__ import annotations

import gzip
import lzma
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path

from lab.forge import apt, debian
from lab.forge.event import ForgeError
from lab.forge.job import Job
from lab.forge.part import Part

INSTALLER = "debian-installer-13-netboot-amd64"
IMAGE = "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64"
SUITE, WHOLE = "lab", "whole"
INDEX = "main/debian-installer/binary-amd64"

#: What an installation asks for; what these depend on comes along.
WANTED = (
    "base-installer", "bootstrap-base", "debootstrap-udeb", "apt-setup-udeb", "apt-mirror-setup", "partman-base", "partman-auto",
    "partman-ext3", "partman-basicfilesystems", "partman-basicmethods", "partman-efi", "partman-partitioning", "partman-target",
    "partman-utils", "partman-lvm", "partman-auto-lvm", "partman-md", "partman-auto-raid", "disk-detect", "clock-setup",
    "tzsetup-udeb", "user-setup-udeb", "pkgsel", "grub-installer", "finish-install", "os-prober-udeb", "parted-udeb",
    "dosfstools-udeb", "di-utils-mapdevfs", "mdadm-udeb", "lvm2-udeb",
)

#: Component → modules of the kernel, without those that they need.
MODULES = {
    "ata-modules": ("libata",), "sata-modules": ("ahci",), "scsi-modules": ("virtio_blk", "virtio_scsi", "nvme"),
    "ext4-modules": ("ext4",), "md-modules": ("dm-mod", "dm-snapshot", "md-mod", "raid1"),
}

#: Component → the packages that its files come from, and which of them.
PROGRAMS = {
    "e2fsprogs-udeb": (("e2fsprogs", "libext2fs2t64", "libcom-err2", "libss2"),
                       r"sbin/(mke2fs|mkfs\.ext[234]|e2fsck|fsck\.ext[234]|tune2fs|resize2fs|badblocks|e2label)$|\.so\.|/etc/mke2fs\.conf$"),
    "ntfs-3g-udeb": ((), ""),  # os-prober wants it, for disks of others
}

TRUST = """\
#!/bin/sh
# What comes from the lab's internet is signed by the lab's own authority.
set -e
. /usr/share/debconf/confmodule
db_get mirror/http/hostname
from=$RET
db_get mirror/http/directory
mkdir -p /target/usr/local/share/ca-certificates
wget -q -O /target/usr/local/share/ca-certificates/lab.crt "http://$from$RET/authority.crt"
"""

#: The installer runs this instead of debootstrap, where there is one.
BEGIN = """\
#!/bin/sh
# What debootstrap made when the lab was built.
. /usr/share/debconf/confmodule
db_get mirror/http/hostname
from=$RET
db_get mirror/http/directory
wget -q -O - "http://$from$RET/base.tar" | tar -xf - -C /target
"""

APT = """\
Dir::State "{here}/state"; Dir::State::status "/dev/null"; Dir::Cache "{here}/cache"; Dir::Etc::SourceList "{here}/sources.list";
Dir::Etc::SourceParts "-"; APT::Architecture "amd64"; APT::Sandbox::User "root"; Acquire::Languages "none";
"""


@dataclass(frozen=True)
class Component:
    """One stanza of an index."""

    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.fields["Package"]

    def names(self, field: str) -> tuple[str, ...]:
        """The packages that a field names: "Depends", "Provides"."""
        return tuple(filter(None, (re.split(r"[ (|:]", each.strip())[0] for each in self.fields.get(field, "").split(","))))


AUTHORITY, BASE = (Component({
    "Package": name, "Version": "1", "Architecture": "all", "Maintainer": "The lab's forge <root@localhost>",
    "Section": "debian-installer", "Priority": "standard", "Description": about,
}) for name, about in (("lab-authority", "trust in the lab's authority"), ("lab-base", "what debootstrap made")))


def read(index: str) -> dict[str, Component]:
    """The components of an index, by name."""
    stanzas = (HeaderParser().parsestr(text) for text in index.split("\n\n") if text.strip())
    return {stanza["Package"]: Component(dict(stanza.items())) for stanza in stanzas}


def for_kernel(known: Mapping[str, Component], kernel: str) -> dict[str, Component]:
    """The same components, as if those of the newest kernel in the index were of `kernel`; those of older ones left out."""
    versions = {each.fields["Kernel-Version"] for each in known.values() if "Kernel-Version" in each.fields}
    newest = max(versions, key=lambda version: [int(number) for number in re.findall(r"\d+", version)], default=kernel)
    found = {}
    for each in known.values():
        if each.fields.get("Kernel-Version") in (None, newest):
            renamed = Component({key: value.replace(newest, kernel) for key, value in each.fields.items()})
            found[renamed.name] = renamed
    return found


def needed(known: Mapping[str, Component], there: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """`wanted` with what they depend on; `there` is in the installer's initrd already. What nobody has is left out, and so are
    modules that are not wanted."""
    wanted = tuple(wanted)
    there, found, todo = set(there), set[str](), list(wanted)
    providers: dict[str, list[str]] = {}
    for each in known.values():
        for name in each.names("Provides"):
            providers.setdefault(name, []).append(each.name)
    while todo:
        name = todo.pop()
        if name in found or name in there:
            continue
        if name in known and (name in wanted or "Kernel-Version" not in known[name].fields):
            found.add(name)
            todo += known[name].names("Depends")
        elif len(providers.get(name, ())) == 1:
            todo += providers[name]
    return found


def with_dependencies(modules: Iterable[str], folder: Path) -> dict[str, Path]:
    """Files of kernel modules, by name, with those that they need; of a folder that has all of them but the built-in ones."""
    files = modules_in(folder)
    found: dict[str, Path] = {}
    todo = [module.replace("-", "_") for module in modules]
    while todo:
        name = todo.pop()
        if name in found or name not in files:
            continue
        content = files[name].read_bytes()
        content = lzma.decompress(content) if files[name].suffix == ".xz" else content
        found[name] = files[name]
        if needs := re.search(rb"\0depends=([^\0]+)\0", content):
            todo += needs[1].decode().replace("-", "_").split(",")
    return found


def modules_in(folder: Path) -> dict[str, Path]:
    """The files of the kernel modules in it, by name."""
    return {path.name.partition(".")[0].replace("-", "_"): path for path in folder.rglob("*.ko*")}


def publish(job: Job) -> None:
    """job.out/debian: dists/lab and dists/whole with the indices, pool/lab with the files."""
    into = job.out / "debian"
    pool = into / "pool" / SUITE
    pool.mkdir(parents=True)
    download = Download.begin(job)
    initrd, kernel = initrd_of(job, download.unpacked(INSTALLER) / IMAGE)
    there = read((initrd / "var/lib/dpkg/status").read_text())
    known = for_kernel(read(download.index()), kernel)
    modules = {f"{name}-{kernel}-di": names for name, names in MODULES.items()}
    entries = [known[name].fields for name in there if name in known and "Kernel-Version" not in known[name].fields]
    image = download.unpacked(f"linux-image-{kernel}")
    placed = set(modules_in(initrd))
    found = needed(known, there, [*WANTED, *modules])
    for name in sorted(found, key=lambda each: (each not in modules, each)):
        component, files = known[name], dict[str, Path]()
        if name in modules:
            new = {key: path for key, path in with_dependencies(modules[name], image).items() if key not in placed}
            placed |= set(new)
            files = {str(path.relative_to(image)): path for path in new.values()}
        elif name in PROGRAMS:
            files = dict(download.files(*PROGRAMS[name]))
        else:
            file = download.component(component, pool)
            entries.append(component.fields | placed_at(file, into))
            continue
        file = pack(job, component, files, pool, found | set(there))
        entries.append(described(job, file, into))
    for component, path, text, suite in ((AUTHORITY, "usr/lib/post-base-installer.d/50lab-authority", TRUST, WHOLE),
                                         (BASE, "usr/sbin/cdebootstrap", BEGIN, SUITE)):
        entries.append(described(job, pack(job, component, {path: text}, pool, set()), into))
        write_index(into / "dists" / suite, suite, entries)


def placed_at(file: Path, base: Path) -> dict[str, str]:
    content = file.read_bytes()
    return {"Filename": str(file.relative_to(base)), "Size": str(len(content)), "SHA256": apt.sha256(content)}


def described(job: Job, file: Path, base: Path) -> dict[str, str]:
    """The fields of a component's own control file, and where it is."""
    return dict(HeaderParser().parsestr(apt.Entry.of(job, file, base).stanza()).items())


def write_index(folder: Path, suite: str, entries: Iterable[Mapping[str, str]]) -> None:
    text = "\n".join("".join(f"{key}: {value}\n" for key, value in fields.items()) for fields in entries).encode()
    files = {f"{INDEX}/Packages": text, f"{INDEX}/Packages.gz": gzip.compress(text, mtime=0)}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    fields = {"Origin": "Debian", "Label": "Debian", "Suite": suite, "Codename": suite, "Components": "main"}
    (folder / "Release").write_text(apt.release(fields, files, datetime.now(UTC)))


def pack(job: Job, component: Component, files: Mapping[str, Path | str], into: Path, known: set[str]) -> Path:
    """A component with these files, and the fields of another; it depends on `known` ones alone."""
    tree = job.out / "tree"
    for name, content in files.items():
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content)
            target.chmod(0o755)
        else:
            shutil.copy(content, target)
    kept = {key: component.fields[key] for key in ("Package", "Version", "Architecture", "Maintainer", "Provides", "Section", "Priority",
                                                   "Kernel-Version", "Description") if key in component.fields}
    if depends := [name for name in component.names("Depends") if name in known]:
        kept["Depends"] = ", ".join(depends)
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in kept.items()))
    file = into / f"{component.name}_{component.fields['Version'].rpartition(':')[2]}_amd64.udeb"
    job.run("dpkg-deb", "-Zxz", "-z1", "--root-owner-group", "--build", tree, file)
    shutil.rmtree(tree)
    return file


def initrd_of(job: Job, image: Path) -> tuple[Path, str]:
    """The installer's first root, and its kernel's release."""
    root = job.scratch("initrd")
    job.run("sh", "-euc", 'zcat "$1" | busybox cpio -idm 2>/dev/null', "sh", image / "initrd.gz", cwd=root)
    releases = re.findall(rb"(\d[\w.+-]*) \(debian-kernel", (image / "linux").read_bytes())
    if not releases:
        raise ForgeError(job.part.name, f"{image / 'linux'} does not say which kernel it is")
    return root, releases[0].decode()


@dataclass(frozen=True)
class Download:
    """Packages of Debian 13, by an apt with settings of its own: the computer may be of another release."""

    job: Job
    here: Path
    environment: Mapping[str, str]

    @classmethod
    def begin(cls, job: Job) -> Download:
        here = job.scratch("components")
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (here / folder).mkdir(parents=True, exist_ok=True)
        (here / "sources.list").write_text(f"deb [signed-by={debian.KEYRING}] {debian.mirror()} {debian.SUITE} main\n")
        (here / "conf").write_text(APT.format(here=here))
        proxy = {"http_proxy": given} if (given := debian.proxy(job)) else {}
        self = cls(job, here, {"APT_CONFIG": str(here / "conf"), **proxy})
        job.run("apt-get", "-q", "update", env=self.environment)
        return self

    def unpacked(self, package: str) -> Path:
        folder = self.here / "unpacked" / package
        if not folder.exists():
            folder.mkdir(parents=True)
            self.job.run("apt-get", "-q", "download", package, cwd=folder, env=self.environment)
            (deb,) = folder.glob("*.deb")
            self.job.run("dpkg-deb", "-x", deb, folder)
            deb.unlink()
        return folder

    def files(self, packages: Iterable[str], pattern: str) -> Iterator[tuple[str, Path]]:
        """Those files of packages whose path is like this, by path."""
        for package in packages:
            folder = self.unpacked(package)
            yield from ((str(path.relative_to(folder)), path) for path in folder.rglob("*")
                        if not path.is_dir() and re.search(pattern, f"/{path.relative_to(folder)}"))

    def index(self) -> str:
        """The mirror's index of components; apt itself would not read it while the mirror is being brought up to date."""
        self.get(f"dists/{debian.SUITE}/{INDEX}/Packages.xz", self.here / "index.xz")
        return lzma.decompress((self.here / "index.xz").read_bytes()).decode()

    def component(self, component: Component, pool: Path) -> Path:
        file = pool / component.fields["Filename"].rpartition("/")[2]
        self.get(component.fields["Filename"], file)
        if apt.sha256(file.read_bytes()) != component.fields["SHA256"]:
            raise ForgeError(self.job.part.name, f"{file.name} is not what the mirror's index says")
        return file

    def get(self, path: str, into: Path) -> None:
        self.job.run("curl", "-fsSL", "--retry", "3", "--max-time", "300", "-o", into, f"{debian.mirror()}/{path.replace('+', '%2B')}",
                     env=self.environment)


#: What can be installed changes with the mirror; what is built is kept until these lines change.
components = Part("installer-components", publish)
