"""The pages that people read, and the commands that they show."""

import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
# a block of commands says where it is run: by a unit test, in the lab by tests/rack, or why nowhere
FENCE = re.compile(r"^```(sh|console)(?: (run-here|run-in-lab|not-run: [^\n]+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, where it is run ("" when it does not say), and text of a page's blocks of commands."""
    yield from FENCE.findall(page.read_text())


def commands(page: Path, kind: str) -> Iterator[str]:
    """The commands of a page's blocks of one kind: in a console block the lines after `$ `, else every line."""
    for language, where, block in blocks(page):
        if where == kind:
            lines = block.splitlines()
            yield from (line[2:] for line in lines if line.startswith("$ ")) if language == "console" else filter(None, lines)
