"""The health of one machine, on a screen, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from fabfile.facts.machine import StatusRow


def as_json(name: str, lines: Sequence[StatusRow]) -> str:
    """The machine, and what was looked at."""
    return json.dumps({"machine": name, "healthy": all(line.good for line in lines),
                       "lines": [asdict(line) for line in lines]}, indent=2)


def as_text(name: str, lines: Sequence[StatusRow]) -> str:
    """A table of what was looked at; what is not as it should be stands out."""
    console = Console(width=100, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False, title=name, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        value = escape(line.value)
        table.add_row(line.what, value if line.good else f"[red]{value}  <-- not as it should be[/]")
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
