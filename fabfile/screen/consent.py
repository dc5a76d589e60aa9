"""Asking a person whether what a plan interrupts may be interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from fabfile.engine.plan import Entry


def interruptions(entries: Sequence[Entry]) -> list[str]:
    """What is interrupted, in words, each once, in the order of the plan."""
    return list(dict.fromkeys(entry.change.interrupts for entry in entries))


def agreed(entries: Sequence[Entry], answers: TextIO, out: TextIO) -> bool:
    """Whether somebody at a terminal types yes. Where there is no terminal nobody does."""
    if not (answers.isatty() and out.isatty()):
        return False
    print("This interrupts:", *(f"  ! {told}" for told in interruptions(entries)), sep="\n", file=out)
    print("Type yes to go on: ", end="", file=out, flush=True)
    return answers.readline().strip() == "yes"
