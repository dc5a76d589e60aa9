"""Asking for approval of what a plan interrupts, or would destroy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import TextIO

from fabfile.engine.plan import Entry


def interruptions(entries: Sequence[Entry]) -> list[str]:
    """What is interrupted, in words, each once, in the order of the plan."""
    return list(dict.fromkeys(entry.change.interrupts for entry in entries))


def asked_for(yes: bool, paused: Callable[[], AbstractContextManager[None]], answers: TextIO, out: TextIO,
              typed: Collection[str] = ()) -> Callable[[Sequence[Entry]], bool]:
    """What a run asks for consent: `yes` agrees beforehand, and `typed` are the names that were typed beforehand; else a
    person is asked while the screen is `paused`."""
    def consent(entries: Sequence[Entry]) -> bool:
        left = unagreed(entries, yes, typed)
        if not left:
            return True
        with paused():
            return agreed(left, answers, out)
    return consent


def unagreed(entries: Sequence[Entry], yes: bool, typed: Collection[str]) -> list[Entry]:
    """What nobody has agreed to yet: a yes is none to what wants its name typed."""
    return [entry for entry in entries if (entry.change.typed not in typed if entry.change.typed else not yes)]


def agreed(entries: Sequence[Entry], answers: TextIO, out: TextIO) -> bool:
    """Whether somebody at a terminal types yes, and the name of each that wants it. Where there is no terminal nobody does."""
    if not (answers.isatty() and out.isatty()):
        return False
    plain = [entry for entry in entries if not entry.change.typed]
    if plain:
        print("This interrupts:", *(f"  ! {told}" for told in interruptions(plain)), sep="\n", file=out)
        if not typed_in("yes", "to continue", answers, out):
            return False
    for entry in entries:
        if not entry.change.typed:
            continue
        print(entry.change.interrupts, *(f"  {line}" for line in entry.change.diff.splitlines()), sep="\n", file=out)
        if not typed_in(entry.change.typed, "to continue", answers, out):
            return False
    return True


def typed_in(word: str, so_that: str, answers: TextIO, out: TextIO) -> bool:
    """Asks for a word, says what it is good for ("to continue"), and whether just that was typed."""
    print(f"Type {word} {so_that}: ", end="", file=out, flush=True)
    return answers.readline().strip() == word
