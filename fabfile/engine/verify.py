"""Verification of steps: their checks are repeated until they pass."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fabfile.engine import evidence
from fabfile.engine.command_output import tail
from fabfile.engine.errors import CheckFailed, MachineError
from fabfile.engine.events import Event, Held, Noticed, Waiting
from fabfile.engine.evidence import Likely
from fabfile.engine.fleet import Fleet
from fabfile.engine.parallel import each
from fabfile.engine.shell import ShellCommand
from fabfile.resources.base import NOTE, PENDING, Check
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Rack

_AGAIN = 10.0  # seconds until causes are looked for, and between two looks
_PAUSES = (0.1, 0.2, 0.3, 0.5, 1.0)  # seconds between two questions; the last again and again


@dataclass
class Look:
    """Why a check does not hold, as far as that is known, and when it is looked for again."""

    found: Likely | None = None
    next: float = _AGAIN


@dataclass
class Verdict:
    """What came of a step's checks. `error`: why it does not hold. `failed`: the machines that failed instead, by the
    checks that are about one, or because they cannot be asked. `seconds`: until it was known."""

    step: str
    failed: dict[str, MachineError] = field(default_factory=dict)
    error: MachineError | None = None
    seconds: float = 0.0


def verify(rack: Rack, fleet: Fleet, steps: Sequence[tuple[str, Iterable[Check]]],
           tell: Callable[[Event], None]) -> list[Verdict]:
    """Asks the checks of these steps until all hold: those of one machine in one write, one that several have once.

    Gives the verdicts in the order of the steps. The first step that does not hold is the last verdict: those after
    it are not asked any longer.
    """
    verification = _Verification(rack, fleet, steps, tell)
    each(verification.watch, verification.machines)
    return verification.until_one_does_not_hold()


class _Verification:
    def __init__(self, rack: Rack, fleet: Fleet, steps: Sequence[tuple[str, Iterable[Check]]], tell: Callable[[Event], None]):
        self._rack, self._fleet, self._tell = rack, fleet, tell
        self._began = time.monotonic()
        self._looks: dict[Check, Look] = {}
        self._asked_first: dict[Check, float] = {}  # one of a later stage is not late because others took long
        self._progressed: dict[Check, float] = {}  # when it was asked first, or last showed progress
        self._verdicts = [Verdict(step) for step, _ in steps]
        self._of: dict[Check, list[Verdict]] = {}  # a check → the steps that have it
        for verdict, (_, checks) in zip(self._verdicts, steps, strict=True):
            for check in checks:
                self._of.setdefault(check, []).append(verdict)

    @property
    def machines(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check.machine for check in self._of))

    def until_one_does_not_hold(self) -> list[Verdict]:
        first = next((number for number, verdict in enumerate(self._verdicts) if verdict.error), len(self._verdicts))
        return self._verdicts[:first + 1]

    def watch(self, machine: str) -> None:
        """Repeats a machine's checks until none is left."""
        asked, open_ = 0, [check for check in self._of if check.machine == machine]
        while open_ := [check for check in open_ if self._open(check)]:
            if asked:
                time.sleep(_PAUSES[min(asked, len(_PAUSES)) - 1])
            asked += 1
            now = self._next(open_)
            try:
                answers = self._ask(machine, now)
            except MachineError as error:
                return self._cannot_be_asked(machine, error)
            settled = {check for check, (code, said) in zip(now, answers, strict=True) if self._known(check, code, said)}
            open_ = [check for check in open_ if check not in settled]

    def _open(self, check: Check) -> bool:
        """Whether any of its steps is still waited for."""
        left = self.until_one_does_not_hold()
        return any(verdict.error is None and verdict in left for verdict in self._of[check])

    def _next(self, open_: Sequence[Check]) -> list[Check]:
        """The checks of each step's lowest stage."""
        lowest: dict[str, int] = {}
        for check in open_:
            for verdict in self._of[check]:
                lowest[verdict.step] = min(check.stage, lowest.get(verdict.step, check.stage))
        return [check for check in open_ if any(check.stage == lowest[verdict.step] for verdict in self._of[check])]

    def _ask(self, machine: str, checks: Sequence[Check]) -> list[tuple[int, str]]:
        """The exit code of each check's script, and what that said."""
        for check in checks:
            self._progressed.setdefault(check, self._asked_first.setdefault(check, time.monotonic()))
        with self._fleet.at(self._rack.machine(machine), f"runs the check: {checks[0].what}") as session:
            # Not by `act`: that goes no further after the first failure. A check's complaints may come on either
            # output.
            lines = [ShellCommand("exec 2>&1\n" + check.script, check.limit, f"check: {check.what}")
                     for check in checks]
            return [(answer.code, mask(answer.output)) for answer in session.shell.probe(lines)]

    def _known(self, check: Check, code: int, said: str) -> bool:
        """Whether a check has passed, or has failed for too long; its steps' verdicts are updated."""
        now, verdicts, last = time.monotonic(), self._of[check], tail(said)
        seconds, waited = now - self._began, now - self._asked_first[check]
        if code == PENDING and waited <= check.most:
            self._progressed[check] = now
        late = now - self._progressed[check] > check.limit
        likely = self._likely(check, said, waited, late) if code else None
        if code != 0 and not late and not (likely and likely.ends):
            self._tell(Waiting(check.machine, verdicts[0].step, check.what, last[-1] if last else ""))
            return False
        for verdict in verdicts:
            verdict.seconds = seconds
        if code == 0:
            for line in said.splitlines():
                if line.startswith(NOTE):
                    self._tell(Noticed(check.machine, line.removeprefix(NOTE)))
            self._tell(Held(check.machine, verdicts[0].step, check.what, seconds))
            return True
        why = f": {likely.where}: {likely.cause}" if likely else ""
        error = CheckFailed(
            check.about[0] if len(check.about) == 1 else check.machine,
            f"after {waited:.0f} s this check still fails: {check.what}{why}", step=verdicts[0].step,
            command=f"check: {check.what}", tail=last,
            hint=likely.cause.fix if likely else "it may need more time: run again, or check on the machine what prevents it")
        if at_fault := _at_fault(check, said):
            verdicts[0].failed.update(dict.fromkeys(at_fault, error))
        else:
            for verdict in verdicts:
                verdict.error = error
        return True

    def _likely(self, check: Check, said: str, seconds: float, last_look: bool) -> Likely | None:
        """Why it does not come true, if the usual readers know: looked for after a few seconds, and again some later. It is
        believed when it is there twice: told, and where waiting cannot help, the wait ended."""
        look = self._looks.setdefault(check, Look())
        if not last_look and seconds < look.next:
            return None
        look.next = seconds + _AGAIN
        found = evidence.likely(self._rack, self._fleet, check, _at_fault(check, said) or check.about, said)
        twice = found is not None and look.found is not None and found.cause == look.found.cause
        if found is not None and twice:  # the same notice is told once
            self._tell(Noticed(found.where, f"{check.what} is waited for: {found.cause} ({found.cause.fix})"))
        look.found = found
        return found if last_look or (found is not None and found.ends and twice) else None

    def _cannot_be_asked(self, machine: str, error: MachineError) -> None:
        """A machine whose checks were about itself alone has failed; else the step has."""
        for verdict in self._verdicts:
            checks = [check for check, verdicts in self._of.items() if check.machine == machine and verdict in verdicts]
            if any(check.about != (machine,) for check in checks):
                verdict.error = error.at(verdict.step)
            elif checks:
                verdict.failed[machine] = error.at(verdict.step)


def _at_fault(check: Check, said: str) -> tuple[str, ...]:
    """The machines that a failed check is about, and names."""
    if len(check.about) == 1:
        return check.about
    return tuple(name for name in check.about if re.search(rf"^{re.escape(name)} ", said, re.MULTILINE))
