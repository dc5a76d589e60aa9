"""containerd as Docker packages it: runc inside, and a configuration that switches kubelet's plugin off."""
from __future__ import annotations

from pathlib import Path

from lab.forge import apt, deb, userland
from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.part import Part

HERE = Path(__file__).parent
MODULE = "github.com/containerd/containerd/v2"
VERSION = required(HERE)[MODULE]
SUITE, COMPONENT = "trixie", "stable"

programs = go_programs(
    "containerd-programs", HERE,
    Programs(stamp=((f"{MODULE}/version.Version", VERSION), (f"{MODULE}/version.Package", "containerd.io")),
             tags=("no_btrfs", "no_devmapper", "no_zfs", "no_aufs", "urfave_cli_no_docs"),
             sources=((MODULE, "containerd.service"),)),
    {"containerd": VERSION})

signing_key = apt.signing_key("docker", "Docker Release (CE deb) <docker@docker.com>")

#: The whole file that the package brings: every machine's role must write its own.
CONFIG = 'disabled_plugins = ["cri"]\n'


def pack_repository(job: Job) -> None:
    built = job[programs]
    binaries = {f"usr/bin/{program.name}": program for program in (built / "bin").iterdir()}
    unit = (built / "src/containerd.service").read_text().replace("/usr/local/bin/", "/usr/bin/")
    package = deb.Package(
        "containerd.io", f"{VERSION[1:]}-1~debian.13~{SUITE}", "An open and reliable container runtime",
        {**binaries, "usr/bin/runc": userland.Programs(job).path("usr/sbin/runc"),
         "usr/lib/systemd/system/containerd.service": unit, "etc/containerd/config.toml": CONFIG},
        "https://containerd.io",
        {"Depends": "libc6 (>= 2.38), libseccomp2 (>= 2.5.0)", "Provides": "containerd, runc",
         "Conflicts": "containerd, runc", "Replaces": "containerd, runc"},
        unit="containerd.service", starts=True)
    base = job.out / "www/download.docker.com/linux/debian"
    deb.pack(job, package, base / f"dists/{SUITE}/pool/{COMPONENT}/amd64")
    apt.publish(job, base, signing_key,
                {"Origin": "Docker", "Label": "Docker CE", "Suite": SUITE, "Codename": SUITE,
                 "Components": COMPONENT},
                release_at=f"dists/{SUITE}", indices=f"{COMPONENT}/binary-amd64/")
    (base / "gpg").write_bytes((job[signing_key] / "public.asc").read_bytes())


packages = Part("containerd-packages", pack_repository, inputs=(programs, signing_key, *userland.INPUTS))
