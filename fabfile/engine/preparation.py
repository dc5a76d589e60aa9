"""Preparation: values that a run needs before planning, and files that it writes on this computer, both under the rack's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from fabfile.engine.errors import Unprepared
from fabfile.engine.events import Event, Noticed
from fabfile.engine.fleet import Fleet

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.rack import Machine

# (machine, POSIX shell text, limit in seconds) → both of its outputs; its exit code says nothing. Raises MachineError.
Ask = Callable[["Machine", str, float], str]


class Preparation(Protocol):
    """Of one or several steps (Step.prepare). Only looks at machines, by `ask`, which uses the run's own shells; gives
    what a person should hear. A dry run prepares without the lock: nothing may be kept then."""

    def before(self, ask: Ask) -> Iterable[str]:
        """Ahead of the plan: the steps' roles are called afterwards. Raises CoopError; Unprepared when the run can go
        on without these steps."""

    def after(self, ask: Ask) -> Iterable[str]:
        """When the steps have been made, also those that failed; not after an error that ended the run."""


class Preparations:
    """Those of a run's steps, each once."""

    def __init__(self, steps: Iterable[Step], dry: bool):
        self.failed: dict[Preparation, Unprepared] = {}  # its steps cannot be made
        self._dry = dry
        self._all = tuple(dict.fromkeys(step.prepare for step in steps if step.prepare is not None))

    def __bool__(self) -> bool:
        return bool(self._all)

    def report(self, fleet: Fleet, tell: Callable[[Event], None], after: bool) -> float:
        """Tells what they say before, or after, the steps. Gives the seconds that machines took to answer."""
        seconds, shown = 0.0, "query what has to be known before planning"

        def ask(machine: Machine, text: str, limit: float) -> str:
            nonlocal seconds
            with fleet.at(machine, shown) as session:
                assert session.shell is not None
                answer = session.shell.ask(f"set +e\n{text}", limit, shown)
                session.commands += answer.seconds
            seconds += answer.seconds
            return answer.output

        for preparation in () if after and self._dry else self._all:
            if preparation in self.failed:
                continue
            try:
                for text in preparation.after(ask) if after else preparation.before(ask):
                    tell(Noticed("", text))
            except Unprepared as error:
                self.failed[preparation] = error
        return seconds
