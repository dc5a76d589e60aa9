"""A problem in a rack's files, with all that is needed to fix it: file, line, key, message, hint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where.

    `file` is relative to the rack's folder, `line` counts from 1 (0: the file as a whole), `key` is the path
    to the value ("machines.chick1.interfaces.enp1s0.mac", empty for the whole file).
    """

    file: str
    line: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        text = f"{place}:{key} {self.message}{hint}"
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class RackProblems(Exception):
    """A rack cannot be used; `problems` says all that is wrong with it, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def key_text(path: Iterable[str | int]) -> str:
    """A path as a person writes it: ("a", 0, "x.y") is a[0].'x.y'."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.isprintable() and not any(sign in part for sign in " .[]:'\"")
            shown = part if part and plain else repr(part)
            text += f".{shown}" if text else shown
    return text
