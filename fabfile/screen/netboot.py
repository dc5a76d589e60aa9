"""Who is armed, installed, or was seen booting, on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.resources.order import KINDS
from fabfile.screen.table import ruled_table

if TYPE_CHECKING:
    from fabfile.facts.dhcp import Client
    from fabfile.facts.netboot import Boots, Ordered


def moment(time: int) -> str:
    """ "2026-11-28 19:05 UTC"."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"


def order_words(order: Ordered | None) -> str:
    """How far an order has come, in words."""
    if order is None:
        return "boots its disk"
    if order.state == "armed":
        what = "" if order.kind == "install" else f" ({order.kind})"
        return f"armed until {moment(int(order.about.get('expires', '0')))}, order {order.id}{what}"
    did = KINDS[order.kind].done if order.kind in KINDS else "finished"
    told = {"claimed": "it has claimed", "finished": "installed by" if order.kind in KINDS and KINDS[order.kind].installs else f"{did},",
            "expired": "boots its disk; nobody claimed", "withdrawn": "boots its disk; withdrawn:"}[order.state]
    return f"{told} order {order.id}, {moment(order.since)}"


def as_json(boots: Boots, addresses: Mapping[str, str], strangers: Sequence[Client]) -> str:
    """`addresses`: machine → address."""
    machines = {}
    for name, address in addresses.items():
        order, asked = boots.order(address), boots.asked.get(address)
        machines[name] = {"order": asdict(order) if order else None, "asked": asked and {"time": asked[0], "what": asked[1]}}
    return json.dumps({"machines": machines, "strangers": [asdict(one) for one in strangers]}, indent=1, ensure_ascii=False)


def as_text(boots: Boots, addresses: Mapping[str, str], strangers: Sequence[Client]) -> str:
    """A table; whoever is in no hosts.yaml comes last."""
    rows: list[tuple[object, str | Text, str]] = []
    for name, address in addresses.items():
        order, asked = boots.order(address), boots.asked.get(address)
        style = "yellow" if order and order.state in ("armed", "claimed") else ""
        rows.append((name, Text(order_words(order), style), f"{asked[1]}, {moment(asked[0])}" if asked else "-"))
    rows += [(Text("unknown", "yellow"), f"nothing: {one.mac} is in no hosts.yaml", f"DHCP, {moment(one.time)}") for one in strangers]
    refused = {name: order.word("refused") for name, address in addresses.items()
               if (order := boots.order(address)) and order.state == "armed"}
    return "\n".join([ruled_table(("machine", "its next netboot", "asked last"), rows),
                      *(f"{name}: it refused its order: {word.text.strip()}" for name, word in refused.items() if word)])
