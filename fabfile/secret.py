"""A secret is a type of its own: it shows itself nowhere but where it is revealed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection
from threading import Lock

MASK = "••••••"
_SHORTEST = 6  # anything shorter would mask ordinary words

_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{40,}")

_remembering = Lock()
_known: Collection[str] = ()  # longest first


class Secret:
    """A text that no repr, log, journal, plan or error shows.

    Whatever has once been a Secret is masked by `mask` for the rest of this process, also in its base64 form
    and line by line where it is a key, since that is how a machine would say it back.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value
        _remember(value)

    def reveal(self) -> str:
        """The text itself. Give it to a machine's stdin, never to an argv, a log or a file of this computer.
        """
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


def mask(text: str) -> str:
    """The text with every secret known to this process covered."""
    for value in _known:
        if value in text:
            text = text.replace(value, MASK)
    return text


def _remember(value: str) -> None:
    global _known
    shapes = {value.strip(), b64encode(value.encode()).decode()}
    shapes.update(_KEY_MATERIAL.findall(value))  # one line of a key says too much already
    fresh = {shape for shape in shapes if len(shape) >= _SHORTEST}
    with _remembering:  # a new tuple in place of the old one: other threads may be walking that
        _known = tuple(sorted({*_known, *fresh}, key=len, reverse=True))  # longest first: no part is left
