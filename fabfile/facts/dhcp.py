"""rooster's DHCP: its leases, and unknown clients that got no address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# leases are in dnsmasq's own file; the clients that it ignored are only in the journal
QUESTION = r"""
sed 's/^/lease /' /var/lib/misc/dnsmasq.leases 2>/dev/null
journalctl -q -u dnsmasq --since=-7d -o short-unix --no-pager 2>/dev/null |
    grep -E 'DHCP(DISCOVER|REQUEST).* ignored' | tail -n 5000
:
"""
_IGNORED = re.compile(r"^(\d+)\.\d+ .* DHCP\w+\([^)]*\) (?:\S+ )?(([0-9a-f]{2}:){5}[0-9a-f]{2}) .*ignored",
                      re.MULTILINE)
_LEASE = re.compile(r"^lease (\d+) (\S+) (\S+) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Client:
    """A DHCP client. An unknown one has no address, and its MAC is not in hosts.yaml."""

    mac: str
    address: str
    name: str  # its machine's in hosts.yaml, else what it calls itself
    known: bool
    time: int  # seconds since 1970: when the lease ends, or when the stranger last asked
    asked: int = 0  # how often in the last 7 days, of strangers


def parse(answer: str, machines: Mapping[str, str]) -> list[Client]:
    """The clients in an answer to QUESTION; `machines`: MAC → name, of the whole rack."""
    clients = [Client(mac, address, machines.get(mac, name), mac in machines, int(end))
               for end, mac, address, name in _LEASE.findall(answer)]
    strangers: dict[str, list[int]] = {}
    for time, mac, _ in _IGNORED.findall(answer):
        strangers.setdefault(mac, []).append(int(time))
    clients += [Client(mac, "", machines.get(mac, ""), mac in machines, max(times), len(times))
                for mac, times in strangers.items()]
    return sorted(clients, key=lambda client: (not client.known, client.name, client.mac))
