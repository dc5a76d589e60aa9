"""Tables: columns as wide as they need to be; for a screen's width rich rules and folds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100  # columns of a screen, for tables that fold what is longer


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> str:
    """Lines of text, nothing folded; columns in `right` are flush right. Every run ends with one: no rich is loaded for it."""
    texts = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(cell.rjust(width) if heading in right else cell.ljust(width)
                       for cell, width, heading in zip(row, widths, headings, strict=True)) for row in texts)
    return "\n".join(line.rstrip() for line in lines)


def ruled_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Sequence[str] = (),
                title: str = "") -> str:
    """A rule below the headings, and WIDTH columns: a cell that is too long goes on below itself, but for those in `whole`.
    Cells may be rich's Text, in colours. Without headings it has no first line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(headings), title=title or None, title_justify="left")
    for heading in headings:
        made.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return printed(made)


def printed(made: RenderableType) -> str:
    """What a terminal of WIDTH columns would show, without the spaces at the ends of its lines."""
    from rich.console import Console

    console = Console(width=WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(made)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
