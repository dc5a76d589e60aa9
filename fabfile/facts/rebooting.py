"""Which machines still have to be rebooted, by the annotations of their nodes and their boot times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fabfile.resources.rebooted import marks_of

FRESH = 24 * 3600  # seconds: an older mark is of a procedure that nobody went on with


@dataclass(frozen=True)
class Turn:
    """One machine of a procedure. `before`: its start when the procedure began, so it has been rebooted when it runs
    since another. `mark`: what its node is marked with."""

    machine: str
    before: str
    mark: str
    done: bool


def turns(started: Mapping[str, str], marks: str, now: float) -> list[Turn]:
    """Machine → since when it runs, and the answer to MARKS, to whose turn it is. `now`: seconds since 1970."""
    found = marks_of(marks)
    result = []
    for machine, since in started.items():
        asked, _, before = found.get(machine, "").partition(" ")
        if asked.isdecimal() and 0 <= now - int(asked) < FRESH and before:
            result.append(Turn(machine, before, found[machine], before != since))
        else:
            result.append(Turn(machine, since, f"{now:.0f} {since}", False))
    return result
