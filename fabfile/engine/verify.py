"""Verifying that a step brought about what it should: its checks are asked until they hold."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fabfile.engine.errors import CheckFailed, MachineError
from fabfile.engine.events import Event, Held, Noticed, Waiting
from fabfile.engine.fleet import Fleet
from fabfile.engine.parallel import each
from fabfile.engine.shell import ShellCommand
from fabfile.engine.command_output import tail
from fabfile.resources.base import NOTE, Check
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Rack

_PAUSES = (0.1, 0.2, 0.3, 0.5, 1.0)  # seconds between two questions; the last again and again


def verify(rack: Rack, fleet: Fleet, step: str, checks: Sequence[Check],
           tell: Callable[[Event], None]) -> dict[str, MachineError]:
    """Asks a step's checks, those of one machine in one write, until all hold.

    Gives the machines that failed, by the checks that are about one, or because they cannot be asked. Raises
    CheckFailed with the reasons of any other that did not hold within its limit.
    """
    began = time.monotonic()
    by_machine: dict[str, list[Check]] = {}
    for check in checks:
        by_machine.setdefault(check.machine, []).append(check)
    failed: dict[str, MachineError] = {}

    def watch(name: str) -> None:
        open_, asked = by_machine[name], 0
        while open_:
            still = []
            stage = min(check.stage for check in open_)
            for check, code, said in _ask(rack, fleet, name, [each for each in open_ if each.stage == stage]):
                try:
                    if not _holds(step, check, code, said, began, tell):
                        still.append(check)
                except CheckFailed as error:
                    at_fault = _at_fault(check, said)
                    if not at_fault:
                        raise
                    failed.update(dict.fromkeys(at_fault, error))
            open_ = still + [check for check in open_ if check.stage != stage]
            if open_:
                time.sleep(_PAUSES[min(asked, len(_PAUSES) - 1)])
                asked += 1

    _, errors = each(watch, by_machine)
    for name, error in errors.items():
        if isinstance(error, CheckFailed) or any(check.about != (name,) for check in by_machine[name]):
            raise error.at(step)
        failed[name] = error.at(step)  # it cannot be asked, and was to speak of itself alone
    return failed


def _ask(rack: Rack, fleet: Fleet, machine: str, checks: Sequence[Check]) -> list[tuple[Check, int, str]]:
    """Each check with the exit code of its script and what that said."""
    with fleet.at(rack.machine(machine), f"is asked whether {checks[0].what}") as session:
        assert session.shell is not None
        # Not by `act`: that goes no further after the first failure. A check's complaints may come on either
        # output.
        lines = [ShellCommand("exec 2>&1\n" + check.script, check.limit, f"ask whether {check.what}")
                 for check in checks]
        return [(check, answer.code, mask(answer.output))
                for check, answer in zip(checks, session.shell.look(lines), strict=True)]


def _at_fault(check: Check, said: str) -> tuple[str, ...]:
    """The machines that a check which does not hold is about, and names."""
    if len(check.about) == 1:
        return check.about
    return tuple(name for name in check.about if re.search(rf"^{re.escape(name)} ", said, re.MULTILINE))


def _holds(step: str, check: Check, code: int, said: str, began: float, tell: Callable[[Event], None]) -> bool:
    seconds = time.monotonic() - began
    if code == 0:
        for line in said.splitlines():
            if line.startswith(NOTE):
                tell(Noticed(check.machine, line.removeprefix(NOTE)))
        tell(Held(check.machine, step, check.what, seconds))
        return True
    last = tail(said)
    if seconds > check.limit:
        raise CheckFailed(check.about[0] if len(check.about) == 1 else check.machine, f"after {seconds:.0f} s this is still not true: {check.what}",
                          step=step, command=f"ask whether {check.what}", tail=last,
                          hint="it may still come true: run again, or look on the machine at what keeps it")
    tell(Waiting(check.machine, step, check.what, last[-1] if last else ""))
    return False
