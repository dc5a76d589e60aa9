"""The result of a run: for the table at its end, for JSON, and for the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fabfile.engine.errors import CoopError
from fabfile.engine.plan import Entry, Plan

State = Literal["unchanged", "changed", "failed", "stopped", "differs", "off"]


@dataclass(frozen=True)
class Outcome:
    """One machine's part in a run. "differs" only in a dry run, "stopped" only by Ctrl-C; "off": it is meant to be."""

    machine: str
    state: State
    changes: int = 0  # made; in a dry run: that would be made
    seconds: float = 0.0  # busy, as the operator's clock saw it
    commands: float = 0.0  # of these, spent by commands and probes, as the machine counted them
    round_trips: int = 0  # writes to its shell
    error: CoopError | None = None


@dataclass(frozen=True)
class Result:
    """What a run did. `remaining` is the plan made afterwards: empty if all is well, None if there was none.
    """

    run: str
    task: str
    dry: bool
    plan: Plan
    machines: Mapping[str, Outcome]
    remaining: Plan | None = None
    seconds: float = 0.0
    critical: float = 0.0  # spent by commands on each step's slowest machine and by waits: not Coop's own
    errors: tuple[CoopError, ...] = ()
    resume: str = ""  # the command that goes on where this run stopped
    unneeded: tuple[Entry, ...] = ()  # planned, and found as wanted when their turn came
    said: str = ""  # what actions printed (Command.says)
    running: Mapping[str, str] = field(default_factory=dict)  # machine → what was running when interrupted

    @property
    def own(self) -> float:
        """Seconds in Coop itself: everything except the commands."""
        return max(0.0, self.seconds - self.critical)

    @property
    def changes(self) -> int:
        return sum(outcome.changes for outcome in self.machines.values())

    @property
    def exit_code(self) -> int:
        """0 done or nothing to do, 1 failed, 2 wrong usage or configuration, 3 a dry run found differences.
        """
        if self.errors:
            return max(error.exit_code for error in self.errors)
        if self.remaining:
            return 1
        return 3 if self.dry and self.plan else 0
