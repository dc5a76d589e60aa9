"""Watching rooster's DHCP for machines that are in no hosts.yaml."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.ways import SshWays
    from fabfile.facts.dhcp import Client
    from fabfile.rack import Rack

EVERY = 5.0  # seconds between two looks at rooster


def newcomers(rack: Rack, limit: int) -> Iterator[str]:
    """Entries for hosts.yaml: of all that rooster knows of; with a limit, of those that ask within so many seconds, as they
    ask. What they asked before is told from that by rooster's own clock."""
    from fabfile.facts.newcomers import entries
    from fabfile.tasks.leader import connected

    found: dict[str, Client] = {}
    with connected(rack) as ways:
        before = {mac: one.time for mac, one in _strangers(rack, ways).items()} if limit else {}
        if limit:
            print(f"watching {rack.gateway.name}: switch the machines on, with the network first", file=sys.stderr)
        until = time.monotonic() + limit
        while True:
            new = {mac: one for mac, one in _strangers(rack, ways).items() if mac not in found and one.time > before.get(mac, 0)}
            found |= new
            yield from entries(rack, list(found.values()))[len(found) - len(new):]
            if time.monotonic() >= until:
                return
            time.sleep(min(EVERY, max(0.0, until - time.monotonic())))


def _strangers(rack: Rack, ways: SshWays) -> dict[str, Client]:
    """By MAC."""
    from fabfile.facts.dhcp import QUESTION, parse
    from fabfile.tasks.queries import asked_of

    macs = {port.mac: machine.name for machine in rack.machines.values() for port in machine.interfaces.values()}
    return {one.mac: one for one in parse(asked_of(rack, rack.gateway, QUESTION, ways=ways), macs) if not one.known}
