"""Hints for misspelt words: "did you mean ...?"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def likest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks like `word`, whatever its capitals."""
    lowered = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), lowered, 1)
    return lowered[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that looks like `word`, else all of them."""
    known = list(known)
    if near := likest(word, known):
        return f"did you mean {near}?"
    return f"there is {', '.join(known)}" if known else ""
