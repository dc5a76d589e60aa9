"""Kernel modules: loaded now, and at every boot."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import parts
from .base import Change, Command, Resource
from .file import File

# What shows that the kernel can do it, where neither a module nor its list is to be seen: in a container, or
# with everything built in.
_SIGNS = {
    "overlay": "grep -qw overlay /proc/filesystems",
    "br_netfilter": "[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]",
    "nf_conntrack": "[ -e /proc/sys/net/netfilter/nf_conntrack_max ]",
    "ip_vs": "[ -e /proc/net/ip_vs ]",
}


@dataclass(frozen=True)
class Modules(Resource):
    """Modules that are loaded, built in, or whose work the kernel does; loaded at boot by
    /etc/modules-load.d/GROUP.conf."""

    group: str
    modules: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"modules {self.group}"

    def file(self) -> File:
        """What loads them at the next boot."""
        return File(f"/etc/modules-load.d/{self.group}.conf",
                    "".join(f"{module}\n" for module in self.modules))

    def probe(self) -> str:
        looks = []
        for module in self.modules:
            loaded = quote("/sys/module/" + module.replace("-", "_"))
            pattern = quote("/" + module.replace("-", "_").replace("_", "[-_]") + r"\.ko")
            looks.append(
                f"if [ -d {loaded} ] || {{ {_SIGNS.get(module, 'false')}; }} ||\n"
                "  { read -r r </proc/sys/kernel/osrelease &&"
                f' grep -qs {pattern} "/lib/modules/$r/modules.builtin"; }}\n'
                f"then echo {quote(module)} there; else echo {quote(module)} absent; fi"
            )
        return parts.probe("\n".join(looks), self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept = parts.facts(facts, 2)
        yield from self.file().changes(kept, altered)
        there = {line.split(" ")[0] for line in live.split("\n") if line.endswith(" there")}
        for module in self.modules:
            if module not in there:
                yield Change(f"module {module} is not loaded", (Command(f"modprobe -- {quote(module)}"),))
