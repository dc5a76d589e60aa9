"""Proving that a step brought about what it should: its checks are asked until they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fabfile.engine.telling import tail
from fabfile.engine.errors import CheckFailed
from fabfile.engine.events import Event, Held, Waiting
from fabfile.engine.fleet import Fleet
from fabfile.engine.parallel import each
from fabfile.engine.shell import Line
from fabfile.engine.step import Step
from fabfile.resources.base import Check
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Rack

_PAUSES = (0.1, 0.2, 0.3, 0.5, 1.0)  # seconds between two questions; the last again and again


def verify(rack: Rack, fleet: Fleet, step: Step, tell: Callable[[Event], None]) -> None:
    """Asks a step's checks, those of one machine in one write, until all hold.

    Raises CheckFailed with the reasons of the first that did not hold within its limit.
    """
    assert step.verify is not None
    began = time.monotonic()
    by_machine: dict[str, list[Check]] = {}
    for check in step.verify(rack):
        by_machine.setdefault(check.machine, []).append(check)

    def watch(name: str) -> None:
        open_, asked = by_machine[name], 0
        while open_:
            open_ = [check for check, why in _ask(rack, fleet, name, open_)
                     if _still(step, check, why, began, tell)]
            if open_:
                time.sleep(_PAUSES[min(asked, len(_PAUSES) - 1)])
                asked += 1

    _, errors = each(watch, by_machine)
    for error in errors.values():
        raise error.at(step.name)


def _ask(rack: Rack, fleet: Fleet, machine: str, checks: list[Check]) -> list[tuple[Check, str | None]]:
    """Each check with None when it holds, else with what it says is missing."""
    with fleet.at(rack.machine(machine), f"is asked whether {checks[0].what}") as seat:
        assert seat.shell is not None
        # Not by `act`: that goes no further after the first failure. A check's complaints may come on either
        # output.
        lines = [Line("exec 2>&1\n" + check.script, check.limit, f"ask whether {check.what}")
                 for check in checks]
        return [(check, mask(answer.output) if answer.code else None)
                for check, answer in zip(checks, seat.shell.look(lines), strict=True)]


def _still(step: Step, check: Check, why: str | None, began: float, tell: Callable[[Event], None]) -> bool:
    seconds = time.monotonic() - began
    if why is None:
        tell(Held(check.machine, step.name, check.what, seconds))
        return False
    said = tail(why)
    if seconds > check.limit:
        raise CheckFailed(check.machine, f"after {seconds:.0f} s it is still not so that {check.what}",
                          step=step.name, command=f"ask whether {check.what}", tail=said,
                          hint="it may still come true: run again, or look on the machine at what keeps it")
    tell(Waiting(check.machine, step.name, check.what, said[-1] if said else ""))
    return True
