"""The events of a run. The screen and the journal are two listeners of the same events.

Every text in an event has its secrets masked already. They come from several threads, but never two at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.outcome import Result
    from fabfile.engine.plan import Plan


@dataclass(frozen=True)
class Event:
    """Anything that happens in a run."""


@dataclass(frozen=True)
class Began(Event):
    """The run has a name and is about to connect."""

    run: str
    task: str
    dry: bool
    who: str
    origin: str
    pid: int
    steps: tuple[str, ...]
    machines: tuple[str, ...]


@dataclass(frozen=True)
class Connected(Event):
    machine: str
    seconds: float


@dataclass(frozen=True)
class Adopted(Event):
    """A command of an earlier run is still running there: this run waits for it before it probes."""

    machine: str
    what: str


@dataclass(frozen=True)
class Noticed(Event):
    """Something that an operator should know, though nothing has failed."""

    machine: str
    text: str


@dataclass(frozen=True)
class Probed(Event):
    """The probes of one machine have answered. `step` is empty when they were those of all steps."""

    machine: str
    step: str
    probes: int
    seconds: float  # as the machine counted them


@dataclass(frozen=True)
class Planned(Event):
    """The plan of the whole run (`closing`: the one made after it, which must be empty)."""

    plan: Plan
    closing: bool = False


@dataclass(frozen=True)
class StepBegan(Event):
    step: str
    machines: tuple[str, ...]  # those that differ


@dataclass(frozen=True)
class Verified(Event):
    """A step's checks have passed, or one of them did not pass in time."""

    step: str
    held: bool
    seconds: float
    critical: float  # of these, what the checks took


@dataclass(frozen=True)
class NotNeeded(Event):
    """A planned change that was not there any more when its step came: an earlier one had brought it about."""

    machine: str
    step: str
    resource: str
    what: str


@dataclass(frozen=True)
class Stopped(Event):
    """The run stops after this step; `later` were not started."""

    step: str
    later: tuple[str, ...]


@dataclass(frozen=True)
class StepEnded(Event):
    step: str
    seconds: float
    critical: float  # of these, what the commands and waits on the slowest machine took by themselves


@dataclass(frozen=True)
class Applying(Event):
    machine: str
    step: str
    resource: str
    what: str


@dataclass(frozen=True)
class Heard(Event):
    """The last line of a long command, while it runs."""

    machine: str
    text: str


@dataclass(frozen=True)
class Said(Event):
    """The output of a command that was run for its output."""

    machine: str
    text: str


@dataclass(frozen=True)
class Ran(Event):
    """A command ended. `command` is its first line."""

    machine: str
    step: str
    resource: str
    command: str
    code: int
    seconds: float  # as the machine counted them
    tail: str = ""  # what it said last, when it failed


@dataclass(frozen=True)
class Changed(Event):
    """All commands of one change succeeded."""

    machine: str
    step: str
    resource: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Waiting(Event):
    """A check does not pass yet."""

    machine: str
    step: str
    what: str
    why: str


@dataclass(frozen=True)
class Held(Event):
    """A check has passed."""

    machine: str
    step: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Failed(Event):
    """Nothing more is done on this machine in this run."""

    machine: str
    step: str
    error: Exception


@dataclass(frozen=True)
class Ended(Event):
    result: Result
