"""Machines that ask rooster for an address and are in no hosts.yaml, as entries that can be pasted there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address

from fabfile.facts.dhcp import Client
from fabfile.rack import Rack

_NUMBERED = re.compile(r"(.*?)([0-9]+)")


def entries(rack: Rack, clients: Sequence[Client]) -> list[str]:
    """One for each, with names and addresses that go on after the rack's last chick. The interface has the name that this chick's
    has: only the machine itself knows better."""
    names, addresses, port = _names(rack), _addresses(rack), rack.chicks[-1].inner.name
    length = rack.network.node.prefixlen
    lines = []
    for client in clients:
        address = next(addresses, None)
        placed = f", address: {address}/{length}" if address else ""
        told = "" if address else f"  # {rack.network.node} has no free address behind the last chick's"
        when = f"{datetime.fromtimestamp(client.time, UTC):%Y-%m-%d %H:%M} UTC"
        asked = f"has {client.address} until {when}" if client.address else f"asked for an address {client.asked} times, last {when}"
        lines.append(f"  {next(names)}:  # {asked}\n    roles: [worker]\n    interfaces:\n"
                     f'      {port}: {{mac: "{client.mac}"{placed}}}{told}')
    return lines


def _names(rack: Rack) -> Iterator[str]:
    numbered = [found for name in rack.machines if (found := _NUMBERED.fullmatch(name))]
    prefix = numbered[-1][1] if numbered else "machine"
    number = max((int(found[2]) for found in numbered if found[1] == prefix), default=-1)
    while True:
        number += 1
        yield f"{prefix}{number}"


def _addresses(rack: Rack) -> Iterator[IPv4Address]:
    taken = {port.address.ip for machine in rack.machines.values() for port in machine.interfaces.values() if port.address}
    first, last = rack.network.dhcp.range or (IPv4Address(0), IPv4Address(0))
    address = max(chick.address() for chick in rack.chicks) + 1
    while address in rack.network.node and address != rack.network.node.broadcast_address:
        if address not in taken and not first <= address <= last:
            yield address
        address += 1
