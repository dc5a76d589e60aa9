"""Tables: columns as wide as they need to be, with a rule below the headings or without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH = 100  # columns of a screen, for tables that fold what is longer


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (),
          whole: Sequence[str] = (), width: int | None = None, title: str = "") -> str:
    """Lines of text. With a `width` it has a rule below the headings, and a cell that is too long goes on below itself,
    but for those in `whole`; without, nothing is folded. Columns in `right` are flush right; no headings, no first line.
    """
    made = Table(box=box.SIMPLE_HEAD if width else None, pad_edge=False, show_header=any(headings),
                 title=title or None, title_justify="left", padding=(0, 1) if width else (0, 2, 0, 0))
    for heading in headings:
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold",
                        no_wrap=not width or heading in whole)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return printed(made, width)


def printed(made: RenderableType, width: int | None) -> str:
    """What a terminal of that many columns would show, without the spaces at the ends of its lines."""
    console = Console(width=width or 10_000, highlight=False)
    with console.capture() as captured:
        console.print(made)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
