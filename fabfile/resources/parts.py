"""A resource that consists of others: their probes in one, their facts separated again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from .base import Change, Resource

_MARK = "--- next part"  # no probe prints such a line: content of files is printed with a | before each line


def probe(*parts: str) -> str:
    """The probes one after another."""
    return f"\necho '{_MARK}'\n".join(parts)


def facts(text: str, count: int) -> list[str]:
    """What each of `count` probes printed."""
    found = text.split(f"{_MARK}\n")
    return found + [""] * (count - len(found))


def changes(parts: Sequence[Resource], found: Sequence[str], altered: Set[str]) -> Iterator[Change]:
    """The changes of each part; a later part knows what the earlier ones alter."""
    for part, part_facts in zip(parts, found, strict=False):
        for change in part.changes(part_facts, altered):
            altered = altered | change.alters
            yield change
