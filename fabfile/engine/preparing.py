"""The preparations of a run's steps, each made once, while the run holds the rack's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fabfile.engine.errors import Unprepared
from fabfile.engine.events import Event, Noticed
from fabfile.engine.fleet import Fleet
from fabfile.engine.preparation import Preparation
from fabfile.engine.step import Step

if TYPE_CHECKING:
    from fabfile.rack import Machine


class Preparations:
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
