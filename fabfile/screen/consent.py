"""Asking for approval of what a plan interrupts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TextIO

from fabfile.engine.plan import Entry


def interruptions(entries: Sequence[Entry]) -> list[str]:
    """What is interrupted, in words, each once, in the order of the plan."""
    return list(dict.fromkeys(entry.change.interrupts for entry in entries))


def asked_for(yes: bool, paused: Callable[[], AbstractContextManager[None]], answers: TextIO,
              out: TextIO) -> Callable[[Sequence[Entry]], bool]:
    """What a run asks for consent: `yes` agrees beforehand, else a person is asked while the screen is `paused`."""
    def consent(entries: Sequence[Entry]) -> bool:
        if yes:
            return True
        with paused():
            return agreed(entries, answers, out)
    return consent


def agreed(entries: Sequence[Entry], answers: TextIO, out: TextIO) -> bool:
    """Whether somebody at a terminal types yes. Where there is no terminal nobody does."""
    if not (answers.isatty() and out.isatty()):
        return False
    print("This interrupts:", *(f"  ! {told}" for told in interruptions(entries)), sep="\n", file=out)
    print("Type yes to continue: ", end="", file=out, flush=True)
    return answers.readline().strip() == "yes"
