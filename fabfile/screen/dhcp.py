"""DHCP clients, on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.screen.table import ruled_table

if TYPE_CHECKING:
    from fabfile.facts.dhcp import Client


def as_json(clients: Sequence[Client]) -> str:
    return json.dumps([asdict(client) for client in clients], indent=2)


def as_text(clients: Sequence[Client]) -> str:
    """A table; strangers come last, with the line that would make them known."""
    if not clients:
        return "no DHCP client has asked rooster for an address"
    rows: list[tuple[str | Text, ...]] = []
    for client in clients:
        moment = datetime.fromtimestamp(client.time, UTC)
        when = f"{moment:%Y-%m-%d %H:%M} UTC" if client.time else "for ever"
        if client.address:
            rows.append((client.name, client.mac, client.address, f"until {when}"))
        else:
            rows.append((Text(client.name or "a stranger", "yellow"), client.mac, "none",
                         f"asked {client.asked} times, last {when}"))
    return ruled_table(("machine", "MAC", "address", "when"), rows)
