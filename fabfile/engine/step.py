"""A named stage of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabfile.resources.base import Check, Resource

if TYPE_CHECKING:
    from fabfile.engine.preparation import Preparation
    from fabfile.rack import Machine, Rack

    Verify = Callable[[Rack, tuple[Machine, ...]], Iterable[Check]]


@dataclass(frozen=True)
class Step:
    """What some machines should have, and the checks that must then pass.

    `role` gives the resources that one machine should have, `verify` the checks that are asked, until they hold,
    of the machines of this step that could be reached, when the step has changed something or an earlier run did
    not come to that. What verify is given as rack knows who is missing (Rack.missing).

    Machines are changed all at once, but for those where something is interrupted (Change.interrupts): of these,
    or of all when the step is `serial`, `at_once` at a time, verified before the next; none follows one that failed.

    A step is begun when the checks of the steps that it `needs` hold, of all earlier ones unless it names some: what
    takes long to come up is begun early, and verified when somebody needs it, at the end at the latest. Steps that do
    not need each other, on different machines, are made at the same time. What an earlier run changed and did not verify
    is verified last, for a later step may bring what it waits for; that of a `gate`, before anything later is begun.

    `prepare` finds out what the role needs to know, when the run holds the rack's lock; steps may share one.
    """

    name: str
    machines: tuple[Machine, ...]
    role: Callable[[Rack, Machine], Iterable[Resource]]
    verify: Verify | None = None
    serial: bool = False
    at_once: int = 1
    gate: bool = False
    needs: tuple[str, ...] | None = None
    prepare: Preparation | None = None
