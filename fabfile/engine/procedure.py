"""Procedures: ordered work over machines, such as rebooting one after the other.

A procedure is made of steps, as everything that a run does: its plan is shown, `--dry` shows it alone, what it
interrupts wants consent, and the journal has it. Where it goes on after a kill is not remembered, but seen on the
machines, by the probes of its resources; what they have to look for, a mark on a node, say, an earlier step leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fabfile.engine.step import Step

if TYPE_CHECKING:
    from fabfile.rack import Machine

Item = TypeVar("Item")
Stages = Callable[[tuple["Machine", ...]], Iterable[Step]]


def rolling(machines: Sequence[Machine], stages: Stages, at_once: int = 1) -> list[Step]:
    """All stages for the first batch of machines, then all for the next.

    A step that fails on one of its machines, or whose checks do not hold, is the last: no further batch is begun. That
    holds for a step of an earlier run, too, that was killed before it had verified what it changed.
    """
    return [replace(step, gate=True) for batch in batches(machines, at_once) for step in stages(batch)]


def batches(machines: Sequence[Item], at_once: int) -> list[tuple[Item, ...]]:
    """Those that are worked on at the same time, in order."""
    return [tuple(machines[first:first + at_once]) for first in range(0, len(machines), at_once)]
