"""Answers in sections, each behind a line that begins with a mark."""

from __future__ import annotations

from collections.abc import Iterator


def sections(answer: str, mark: str) -> Iterator[tuple[str, str]]:
    """What stands behind the mark on each such line, and the text below it. What comes before the first is left out."""
    for section in f"\n{answer}".split(f"\n{mark}")[1:]:
        head, _, text = section.partition("\n")
        yield head, text
