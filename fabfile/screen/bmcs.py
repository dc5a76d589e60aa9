"""The BMCs of a rack on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.screen.table import ruled_table

if TYPE_CHECKING:
    from fabfile.bmc.board import Event
    from fabfile.bmc.report import Report


def as_json(reports: Sequence[Report]) -> str:
    return json.dumps([asdict(one) for one in reports], indent=1, ensure_ascii=False)


def as_text(reports: Sequence[Report]) -> str:
    """A table, and below it a line for everything that is wrong or in doubt."""
    rows = []
    for one in reports:
        about = (one.state.power, one.state.boot or "as usual", " ".join(filter(None, (one.state.vendor, one.state.model))),
                 one.state.firmware or "-") if one.state else ("-", "-", "-", "-")
        how = Text("wrong", "yellow") if one.wrong else "good" if one.state else "not asked"
        rows.append((one.machine, one.address, one.protocol or "-", *about, how))
    table = ruled_table(("machine", "BMC", "protocol", "power", "next boot", "model", "firmware", "how"), rows,
                        whole=("machine", "BMC", "protocol", "power"))
    return "\n".join([table, *(f"{one.machine}: {said}" for one in reports for said in (*one.wrong, one.doubt) if said)])


def events_text(machine: str, events: Sequence[Event]) -> str:
    """A table of a BMC's event log."""
    if not events:
        return f"the event log of {machine}'s BMC is empty"
    bad = {"Critical": "red", "Warning": "yellow"}
    return ruled_table(("time", "severity", "event"),
                       [(one.time or "-", Text(one.severity or "-", bad.get(one.severity, "")), one.message) for one in events],
                       whole=("time", "severity"))


def events_json(events: Sequence[Event]) -> str:
    return json.dumps([asdict(one) for one in events], indent=1, ensure_ascii=False)
