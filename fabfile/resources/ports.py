"""Ports that a program of the rack's needs: nobody else listens there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource, conflict


@dataclass(frozen=True)
class FreePorts(Resource):
    """`ports`: port ("53/udp") to the program that has it or will have it. `addresses`: those that it is needed at; none for all.
    It is not looked at where all of `units` run: each has its port then."""

    ports: Mapping[str, str]
    units: tuple[str, ...]
    addresses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"ports {' '.join(self.ports)}"

    def probe(self) -> str:
        running = " && ".join(f"[ -d /sys/fs/cgroup/system.slice/{quote(unit)}.service ]" for unit in self.units)
        return f"{{ {running}; }} || ! command -v ss >/dev/null || ss -Hlntup 2>/dev/null || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        told = set()
        for line in facts.split("\n"):
            words = line.split()
            if len(words) < 5 or words[0] not in ("tcp", "udp"):
                continue
            address, _, number = words[4].rpartition(":")
            address, port = address.strip("[]").partition("%")[0], f"{number}/{words[0]}"
            users = re.findall(r'\("([^"]*)",pid=(\d+)', line)
            expected = self.ports.get(port)
            if expected is None or not users or not self._needed(address):
                continue
            if any(name == expected[:15] for name, _ in users):  # the kernel keeps so much of a program's name
                continue
            if port not in told:
                told.add(port)
                yield conflict(port, f"{port} is taken by {users[0][0]} (process {users[0][1]}), and {expected} needs it")

    def _needed(self, address: str) -> bool:
        if address in ("*", "0.0.0.0", "::"):
            return True
        return address in self.addresses if self.addresses else not address.startswith(("127.", "::1"))
