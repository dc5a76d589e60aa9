"""What a step has to know before a run can plan it, and what it keeps on this computer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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
