"""The kernel module of ZFS: for every kernel that is installed, so that no reboot ends without the pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from . import parts
from .base import Change, Command, Resource, refusal
from .file import File
from .packages import Packages

_BUILT_IN = 2400.0  # seconds: a build takes minutes on a machine of today, and as long for each kernel


@dataclass(frozen=True)
class ModuleFacts:
    """What zfs_module.sh saw."""

    kernels: Mapping[str, tuple[bool, str]]  # whether its headers are there, the module's version or ""
    loaded: str
    flavours: tuple[str, ...]  # "amd64", "cloud-amd64": of the packages that bring the next kernel
    packages: frozenset[str]
    secure_boot: bool


def parse(answer: str) -> ModuleFacts:
    """The answer of zfs_module.sh."""
    kernels, loaded, flavours, packages = {}, "", [], set()
    for words in map(str.split, answer.splitlines()):
        match words:
            case ["kernel", kernel, headers, module]:
                kernels[kernel] = (headers == "there", module.replace("none", ""))
            case ["loaded", version]:
                loaded = version
            case ["flavour", flavour]:
                flavours.append(flavour)
            case ["package", name]:
                packages.add(name)
    return ModuleFacts(kernels, loaded, tuple(flavours), frozenset(packages), "secure boot" in answer.splitlines())


@dataclass(frozen=True)
class KernelHeaders(Resource):
    """The headers of every installed kernel, and what brings those of the next: without them zfs-dkms builds nothing, and says
    so to nobody."""

    @property
    def name(self) -> str:
        return "headers of every kernel"

    def probe(self) -> str:
        return shell("zfs_module")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = parse(facts)
        wanted = [f"linux-headers-{kernel}" for kernel, (headers, _) in found.kernels.items() if not headers]
        wanted += [name for flavour in found.flavours if (name := f"linux-headers-{flavour}") not in found.packages]
        if wanted:
            # what Packages does with a name that is not installed
            [change] = Packages(dict.fromkeys(wanted)).changes("", altered)
            yield change


@dataclass(frozen=True)
class ZfsModule(Resource):
    """A module for every installed kernel, and one that is loaded."""

    @property
    def name(self) -> str:
        return "module zfs"

    def probe(self) -> str:
        return shell("zfs_module")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = parse(facts)
        if found.secure_boot and not found.loaded:
            yield refusal("Secure Boot refuses the module that this machine builds for itself: enrol its key at the console "
                          "(mokutil --import /var/lib/dkms/mok.pub, then a reboot), or turn Secure Boot off")
            return
        for kernel, (_, module) in found.kernels.items():
            if not module:
                script = (f"[ -n \"$(modinfo -k {quote(kernel)} -F version zfs 2>/dev/null)\" ] || dkms autoinstall -k {quote(kernel)}\n"
                          f"modinfo -k {quote(kernel)} -F version zfs")
                yield Change(f"kernel {kernel} has no module zfs: after a reboot into it there would be no pool",
                             (Command(script, long=True, limit=_BUILT_IN, shown=f"dkms autoinstall -k {kernel}"),))
        if not found.loaded:
            yield Change("module zfs is not loaded", (Command("modprobe zfs", limit=120.0),))


@dataclass(frozen=True)
class HostId(Resource):
    """/etc/hostid, by which ZFS knows the machine: the same after a reinstallation, so that its pools are imported without
    force. While a pool is imported it stays as it is: at the next boot the pool would be another machine's."""

    hostid: int

    @property
    def name(self) -> str:
        return "hostid"

    def file(self) -> File:
        return File("/etc/hostid", self.hostid.to_bytes(4, "little"))

    def probe(self) -> str:
        return parts.probe("ls -d /proc/spl/kstat/zfs/*/ 2>/dev/null || :", self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        pools, kept = parts.facts(facts, 2)
        if not pools.strip():
            yield from self.file().changes(kept, altered)


@dataclass(frozen=True)
class ZfsParameters(Resource):
    """Parameters of the module, now and at every boot. Without `zfs_arc_max` the cache takes three quarters of the memory at
    most: by itself it would take nearly all."""

    parameters: Mapping[str, int]

    @property
    def name(self) -> str:
        return "parameters of zfs"

    def file(self, memory: int) -> File:
        wanted = {"zfs_arc_max": memory * 3 // 4 // (1 << 20) << 20, **self.parameters}
        return File("/etc/modprobe.d/coop-zfs.conf", "".join(f"options zfs {key}={value}\n" for key, value in sorted(wanted.items())))

    def probe(self) -> str:
        keys = " ".join(sorted({"zfs_arc_max", *self.parameters}))
        live = (f"sed -n 's/^MemTotal: *\\([0-9]*\\) kB/memory \\1/p' /proc/meminfo\n"
                f"for p in {keys}; do echo \"$p $(cat /sys/module/zfs/parameters/$p 2>/dev/null)\"; done")
        return parts.probe(live, self.file(0).probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept = parts.facts(facts, 2)
        now = {words[0]: words[1] for words in map(str.split, live.splitlines()) if len(words) == 2}
        file = self.file(int(now.get("memory", "0")) * 1024)
        yield from file.changes(kept, altered)
        for line in str(file.content).splitlines():
            key, _, value = line.removeprefix("options zfs ").partition("=")
            if now.get(key, value) != value:
                yield Change(f"{key} is {now[key]}, should be {value}", (Command(f"echo {value} >/sys/module/zfs/parameters/{key}"),))
