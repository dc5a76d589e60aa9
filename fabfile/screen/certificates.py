"""Certificates in files and as they are served, a line each, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from fabfile.finding import Finding, healthy
from fabfile.screen import findings
from fabfile.screen.table import WIDTH, table

if TYPE_CHECKING:
    from fabfile.facts.look import Look
    from fabfile.facts.machine import MachineState


def as_json(seen: Look, found: Sequence[Finding]) -> str:
    """By machine: files and ports."""
    return json.dumps({
        "machines": {name: {"files": [asdict(one) for one in state.certificates], "served": [asdict(one) for one in state.served.values()]}
                     for name, state in seen.machines.items()},
        "findings": findings.as_data(found), "healthy": healthy(found)}, indent=2)


def as_text(seen: Look, found: Sequence[Finding]) -> str:
    """The machines' certificates, the first to expire first; and what is wrong."""
    rows = sorted((row for state in seen.machines.values() for row in _rows(state)), key=lambda row: row[0])
    shown = [(machine, where, day, f"{days} days") for days, machine, where, day in rows]
    parts = [table(("machine", "certificate", "until", "left"), shown)] if shown else []
    return "\n".join([*parts, *[findings.as_text(found, WIDTH)] * bool(found)])


def _rows(state: MachineState) -> Iterator[tuple[int, str, str, str]]:
    from datetime import UTC, datetime

    for one in state.certificates:
        yield int((one.end - state.now) // 86400), state.name, one.where, f"{datetime.fromtimestamp(one.end, UTC):%Y-%m-%d %H:%M}"
    for one in state.served.values():
        yield (int((one.end - state.now) // 86400), state.name, f"served at port {one.where}",
               f"{datetime.fromtimestamp(one.end, UTC):%Y-%m-%d %H:%M}")
