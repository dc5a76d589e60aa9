"""The health of one machine, on a screen, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.screen.table import ruled_table

if TYPE_CHECKING:
    from fabfile.facts.machine import StatusRow


def as_json(name: str, lines: Sequence[StatusRow]) -> str:
    """The machine, and what was looked at."""
    return json.dumps({"machine": name, "healthy": all(line.good for line in lines),
                       "lines": [asdict(line) for line in lines]}, indent=2)


def as_text(name: str, lines: Sequence[StatusRow]) -> str:
    """A table of what was looked at; what is not as it should be stands out."""
    rows = [(line.what, line.value if line.good else Text(f"{line.value}  <-- not as it should be", "red"))
            for line in lines]
    return ruled_table(("", ""), rows, title=name)
