"""A named stage of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabfile.resources.base import Check, Resource

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack

    Verify = Callable[[Rack, tuple[Machine, ...]], Iterable[Check]]


@dataclass(frozen=True)
class Step:
    """What some machines should have, and what must then be true.

    `role` gives the resources that one machine should have, `verify` the checks that are asked, until they hold,
    of the machines of this step that could be reached, when the step has changed something or an earlier run did
    not come to that. What verify is given as rack knows who is missing (Rack.missing).

    Machines are changed all at once, but for those where something is interrupted (Change.interrupts): of these,
    or of all when the step is `serial`, `at_once` at a time, verified before the next; none follows one that failed.
    """

    name: str
    machines: tuple[Machine, ...]
    role: Callable[[Rack, Machine], Iterable[Resource]]
    verify: Verify | None = None
    serial: bool = False
    at_once: int = 1
