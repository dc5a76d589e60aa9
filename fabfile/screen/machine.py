"""The health of one machine, on a screen, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from fabfile.finding import Finding, healthy
from fabfile.screen import findings
from fabfile.screen.table import WIDTH, ruled_table

if TYPE_CHECKING:
    from fabfile.facts.machine import StatusRow


def as_json(name: str, lines: Sequence[StatusRow], found: Sequence[Finding]) -> str:
    """The machine, what was looked at, and what is wrong."""
    return json.dumps({"machine": name, "healthy": healthy(found), "lines": [asdict(line) for line in lines],
                       "findings": findings.as_data(found)}, indent=2)


def as_text(name: str, lines: Sequence[StatusRow], found: Sequence[Finding]) -> str:
    """A table of what was looked at, and what is wrong, worst first."""
    table = ruled_table(("", ""), [(line.what, line.value) for line in lines], title=name)
    return "\n".join([table, *[findings.as_text(found, WIDTH)] * bool(found)])
