"""DHCP clients, on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from fabfile.facts.dhcp import Client


def as_json(clients: Sequence[Client]) -> str:
    return json.dumps([asdict(client) for client in clients], indent=2)


def as_text(clients: Sequence[Client]) -> str:
    """A table; strangers come last, with the line that would make them known."""
    if not clients:
        return "no DHCP client has asked rooster for an address"
    console = Console(width=100, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("machine", "MAC", "address", "when"):
        table.add_column(heading, overflow="fold")
    for client in clients:
        moment = datetime.fromtimestamp(client.time, timezone.utc)
        when = f"{moment:%Y-%m-%d %H:%M} UTC" if client.time else "for ever"
        if client.address:
            table.add_row(escape(client.name), client.mac, client.address, f"until {when}")
        else:
            table.add_row(f"[yellow]{escape(client.name) or 'unknown'}[/]", client.mac, "none",
                          f"asked {client.asked} times, last {when}")
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
