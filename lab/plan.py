"""What a lab is made of, written by `lab.up` and read by the supervisor: machines, programs, groups."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .cgroups import Groups, Hierarchy
from .emulated import Emulated
from .machine import Machine


@dataclass(frozen=True)
class Program:
    """One program of the lab's internet."""

    name: str
    command: tuple[str, ...]
    layers: tuple[Path, ...]  # of its root, the first on top
    shares: dict[str, Path]  # folder within its root → folder or file of the computer, read-only
    network: str = "internet"  # whose namespace it serves in


@dataclass(frozen=True)
class Metal:
    """Emulated machines, and what they need."""

    machines: tuple[Emulated, ...]
    layers: tuple[Path, ...]  # of the root that QEMU comes in, the first on top
    mirrored: tuple[Path, ...]  # what the Debian mirror has beside Debian's own


@dataclass(frozen=True)
class Plan:
    groups: Groups
    machines: tuple[Machine, ...]
    programs: tuple[Program, ...]
    root: Path  # the Debian that every machine starts from
    common: Path  # what all machines of this lab have on top of it
    mirror_cache: Path | None  # None: it has no Debian mirror, and no porch for a browser either
    environment: dict[str, str] = field(default_factory=dict)  # more, of machines' process 1
    extras: tuple[str, ...] = ()  # what its internet publishes because it was asked for
    metal: Metal | None = None

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.write_text(json.dumps({
            "groups": {"name": self.groups.name, "hierarchies": [
                {"controllers": each.controllers, "mounted": str(each.mounted), "own": each.own}
                for each in self.groups.hierarchies
            ]},
            "machines": [machine.to_json() for machine in self.machines],
            "programs": [{
                "name": each.name, "command": each.command, "layers": [str(layer) for layer in each.layers],
                "shares": {target: str(source) for target, source in each.shares.items()},
                "network": each.network,
            } for each in self.programs],
            "root": str(self.root), "common": str(self.common),
            "mirror_cache": self.mirror_cache and str(self.mirror_cache),
            "environment": self.environment, "extras": self.extras,
            "metal": self.metal and {
                "machines": [machine.to_json() for machine in self.metal.machines],
                "layers": [str(layer) for layer in self.metal.layers],
                "mirrored": [str(folder) for folder in self.metal.mirrored],
            },
        }, indent=1))

    @classmethod
    def read(cls, path: Path) -> Plan:
        value = json.loads(path.read_text())
        hierarchies = tuple(Hierarchy(each["controllers"], Path(each["mounted"]), each["own"])
                            for each in value["groups"]["hierarchies"])
        return cls(
            groups=Groups(value["groups"]["name"], hierarchies),
            machines=tuple(map(Machine.from_json, value["machines"])),
            programs=tuple(Program(each["name"], tuple(each["command"]), tuple(map(Path, each["layers"])),
                                   {target: Path(source) for target, source in each["shares"].items()},
                                   each.get("network", "internet"))
                           for each in value["programs"]),
            root=Path(value["root"]), common=Path(value["common"]),
            mirror_cache=value["mirror_cache"] and Path(value["mirror_cache"]),
            environment=value.get("environment", {}), extras=tuple(value.get("extras", ())),
            metal=(metal := value.get("metal")) and Metal(
                tuple(map(Emulated.from_json, metal["machines"])), tuple(map(Path, metal["layers"])),
                tuple(map(Path, metal["mirrored"]))),
        )
