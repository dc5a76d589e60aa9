"""What others have set in files of their own: taken over by commenting their lines out, or by moving a file away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Command

MARK = "# taken over by Coop: "


@dataclass(frozen=True)
class Line:
    """One setting as it stands in a file."""

    path: str
    number: int
    text: str
    key: str
    value: str


def commented(path: str, lines: Mapping[int, str], then: str = "") -> Command:
    """Puts a mark before these lines, by number, as long as they say there what the plan saw. A copy of the file is kept."""
    here = quote(path)
    seen = "".join(f"[ \"$(sed -n {number}p -- {here})\" = {quote(text)} ] || "
                   f"{{ echo {quote(f'{path}:{number} has changed since it was probed: run again')} >&2; exit 1; }}\n"
                   for number, text in lines.items())
    marks = " ".join(f"-e {quote(f'{number}s/^/{MARK}/')}" for number in lines)
    numbers = ", ".join(map(str, lines))
    return Command(f"{seen}{writing.keep(path)}\nsed -i --follow-symlinks {marks} -- {here}\nsync -- {here}{then and chr(10) + then}",
                   shown=f"comment out line{'s' * (len(lines) > 1)} {numbers} of {path}")


def uncommented(path: str) -> str:
    """Shell text that takes the marks away again."""
    return f"sed -i --follow-symlinks {quote(f's/^{MARK}//')} -- {quote(path)}"


def moved_away(path: str, then: str = "") -> Command:
    """The file goes; a copy of it is kept."""
    return Command(f"{writing.keep(path)}\nrm -f -- {quote(path)}{then and chr(10) + then}",
                   shown=f"move {path} to {writing.FORMER}")


def numbered(facts: str) -> list[tuple[str, int, str]]:
    """Path, number and text of each line that `grep -Hn` printed."""
    found = []
    for line in facts.split("\n"):
        path, _, rest = line.partition(":")
        number, _, text = rest.partition(":")
        if number.isdigit():
            found.append((path, int(number), text))
    return found
