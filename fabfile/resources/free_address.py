"""An address that the rack is about to take: nobody has it yet."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource, conflict


@dataclass(frozen=True)
class FreeAddress(Resource):
    """Nobody answers for `address` on the wire of `interface` but the machines with these `macs`, which share it. It is
    looked at until `settings`, the file that this machine takes the address by, names it."""

    address: str
    interface: str
    macs: tuple[str, ...]
    settings: str

    @property
    def name(self) -> str:
        return f"free address {self.address}"

    def probe(self) -> str:
        here, link = quote(self.address), quote(self.interface)
        return f"""
if ! grep -qsw {quote(self.address.replace('.', '[.]'))} {quote(self.settings)}; then
ip -o addr show to {here}/32 2>/dev/null | sed -n 's/^[0-9]*: *\\([^ ]*\\) .*/here \\1/p'
! command -v ping >/dev/null || ping -c 1 -W 1 -I {link} {here} >/dev/null 2>&1 || :
ip neigh show to {here} dev {link} nud reachable 2>/dev/null | sed -n 's/.*lladdr \\([0-9a-f:]*\\).*/there \\1/p'
fi
""".strip()

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for line in facts.splitlines():
            where, _, who = line.partition(" ")
            if where == "here":
                yield conflict(f"address {self.address}", f"{self.address} is on {who} of this machine already, by another program "
                               "than Coop's keepalived: take it away there, or name another address", keepable=False)
            elif where == "there" and who not in self.macs:
                yield conflict(f"address {self.address}", f"{self.address} belongs to {who}, which is no control plane of the rack: "
                               "name another address", keepable=False)
