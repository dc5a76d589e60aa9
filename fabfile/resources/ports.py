"""Ports that a program of the rack's needs: nobody else listens there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource, conflict
from .sockets import LISTING, listening


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
        return f"{{ {running}; }} || ! command -v ss >/dev/null || {LISTING}"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        told = set()
        for socket in listening(facts):
            expected = self.ports.get(socket.port)
            if expected is None or not socket.users or not self._needed(socket.address):
                continue
            if any(name == expected[:15] for name, _ in socket.users):  # the kernel keeps so much of a program's name
                continue
            if socket.port not in told:
                told.add(socket.port)
                name, process = socket.users[0]
                yield conflict(socket.port, f"{socket.port} is taken by {name} (process {process}), and {expected} needs it")

    def _needed(self, address: str) -> bool:
        if not address:  # all of the machine's
            return True
        return address in self.addresses if self.addresses else not address.startswith(("127.", "::1"))
