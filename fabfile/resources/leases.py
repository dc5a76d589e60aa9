"""Leases of a DHCP server that keep a reservation from being given: a mainboard was replaced, say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Command, Resource

_FILE = ("file=$(sed -n 's/^dhcp-leasefile=//p' /etc/dnsmasq.conf /etc/dnsmasq.d/* 2>/dev/null || :)\n"
         'file=${file:-/var/lib/misc/dnsmasq.leases}')


@dataclass(frozen=True)
class FormerLeases(Resource):
    """No lease gives a reserved address to another MAC: dnsmasq would give that machine none until the lease is over.

    `reserved` is address → MAC. dnsmasq reads its leases when it starts, and writes them while it runs.
    """

    reserved: Mapping[str, str]

    @property
    def name(self) -> str:
        return "leases of former MACs"

    def probe(self) -> str:
        return f"{_FILE}\n[ ! -r \"$file\" ] || while read -r line; do printf '%s\\n' \"$line\"; done <\"$file\""

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        rows = [line.split() for line in facts.splitlines()]
        former = {row[2]: row[1].lower() for row in rows if len(row) >= 4 and self.reserved.get(row[2], row[1]).lower() != row[1].lower()}
        if not former:
            return
        told = ", ".join(f"{address} is still leased to {mac}" for address, mac in former.items())
        drop = " ".join(f"-e {quote(f'/ {mac} {address} /Id'.replace('.', '[.]'))}" for address, mac in former.items())
        yield Change(told, (Command(
            f"{_FILE}\nsystemctl stop dnsmasq; trap 'systemctl start dnsmasq' EXIT\nsed -i {drop} -- \"$file\"",
            shown=f"remove {len(former)} leases, dnsmasq being stopped for a second"),))
