"""Kernel modules: loaded now, and at every boot."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import parts
from .base import Change, Command, Resource, conflict
from .file import File
from .others import commented, numbered

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
    """Modules that are loaded, built in, or whose work the kernel does; loaded at boot by /etc/modules-load.d/GROUP.conf, where
    no file of modprobe's has something else done in their place, as lists for hardening have it."""

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
        names = "|".join(module.replace("_", "[-_]") for module in self.modules)
        forbids = ("grep -HnsE " + quote(rf"^[[:space:]]*install[[:space:]]+({names})[[:space:]]+(/usr)?(/bin/)?(false|true)\b")
                   + " -- /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/local/lib/modprobe.d/*.conf || :")
        return parts.probe("\n".join(looks), self.file().probe(), forbids)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept, others = parts.facts(facts, 3)
        for path, number, text in numbered(others):
            yield conflict(path, f"{path}:{number} keeps the kernel from loading {text.split()[1]}, now or at the next boot",
                           commented(path, {number: text}), keepable=False)
        yield from self.file().changes(kept, altered)
        there = {line.split(" ")[0] for line in live.split("\n") if line.endswith(" there")}
        for module in self.modules:
            if module not in there:
                yield Change(f"module {module} is not loaded", (Command(f"modprobe -- {quote(module)}"),))
