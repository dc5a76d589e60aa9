"""Kernel modules that DKMS builds: for every kernel that is installed, so that no reboot ends without them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from .base import Change, Command, Resource
from .packages import Packages

_BUILT_IN = 2400.0  # seconds: a build takes minutes on a machine of today, and as long for each kernel


@dataclass(frozen=True)
class ModuleFacts:
    """What kernel_module.sh saw."""

    kernels: Mapping[str, tuple[bool, str]]  # whether its headers are there, the module's version or ""
    loaded: str
    flavours: tuple[str, ...]  # "amd64", "cloud-amd64": of the packages that bring the next kernel
    packages: frozenset[str]
    blocked: bool


def question(module: str, blocked_by: str = "") -> str:
    """Shell text that parse() reads the answer of."""
    return shell("kernel_module", module=module, blocked_by=blocked_by)


def parse(answer: str) -> ModuleFacts:
    """The answer of kernel_module.sh."""
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
    return ModuleFacts(kernels, loaded, tuple(flavours), frozenset(packages), "blocked" in answer.splitlines())


@dataclass(frozen=True)
class KernelHeaders(Resource):
    """The headers of every installed kernel, and what brings those of the next: without them DKMS builds nothing, and says
    so to nobody."""

    @property
    def name(self) -> str:
        return "headers of every kernel"

    def probe(self) -> str:
        return question("")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = parse(facts)
        wanted = [f"linux-headers-{kernel}" for kernel, (headers, _) in found.kernels.items() if not headers]
        wanted += [name for flavour in found.flavours if (name := f"linux-headers-{flavour}") not in found.packages]
        if wanted:
            # what Packages does with a name that is not installed
            [change] = Packages(dict.fromkeys(wanted)).changes("", altered)
            yield change


@dataclass(frozen=True)
class KernelModule(Resource):
    """A module for every installed kernel, and one that is loaded. `without`: what a reboot would end in. While `blocked_by` is
    loaded, a module that has the same device, it is not tried: that takes a reboot."""

    module: str
    without: str
    blocked_by: str = ""

    @property
    def name(self) -> str:
        return f"module {self.module}"

    def probe(self) -> str:
        return question(self.module, self.blocked_by)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = parse(facts)
        for kernel, (_, built) in found.kernels.items():
            if not built:
                ask = f"modinfo -k {quote(kernel)} -F version {quote(self.module)}"
                script = f"[ -n \"$({ask} 2>/dev/null)\" ] || dkms autoinstall -k {quote(kernel)}\n{ask}"
                yield Change(f"kernel {kernel} has no module {self.module}: after a reboot into it there would be no {self.without}",
                             (Command(script, long=True, limit=_BUILT_IN, shown=f"dkms autoinstall -k {kernel}"),))
        if not found.loaded and not found.blocked:
            yield Change(f"module {self.module} is not loaded", (Command(f"modprobe {quote(self.module)}", limit=120.0),))
