"""What can go wrong between here and a machine.

    CoopError
    ├── WrongUsage                  an unknown step or machine was asked for                     (exit 2)
    ├── Rejected                    the rack's files ask for what the cluster cannot be changed to (exit 2)
    ├── LockHeld                    another run is at work on this rack
    ├── NoLock                      the gateway, which holds the rack's lock, could not be reached
    ├── Unprepared                  what some steps have to know beforehand could not be found out
    ├── NotAgreed                   something would be interrupted, and nobody agreed to it
    ├── Crashed                     a fault of Coop itself
    ├── Interrupted                 Ctrl-C; says what still runs where
    └── MachineError                knows machine, step, command, exit code, last lines, hint
        ├── LinkError               nothing was (or could be) said to the machine
        │   ├── NoAnswer            it could not be reached, or fell silent while connecting
        │   ├── HostKeyUnknown      the rack names no host key for it                           (exit 2)
        │   ├── HostKeyChanged      it shows another key than the rack's: not spoken to
        │   ├── KeyUnusable         the operator's own key cannot be used: locked, damaged, absent     (exit 2)
        │   ├── KeyRefused          it does not let the operator in
        │   ├── RootRefused         sudo wants a password
        │   └── LinkLost            the line was cut while something ran
        ├── LookFailed              a probe failed, or its facts could not be understood
        ├── CommandFailed           a command ended with another code than 0
        │   └── TookTooLong         a command did not end within its limit
        ├── BorrowFailed            another machine could not make the value that a change needs
        ├── WentBack                a change cut the operator off and was undone by the machine
        └── CheckFailed             what a step should bring about did not come true
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from fabfile.secret import mask

_CALLERS = ("/tasks/teaching.py", "/engine/fab.py", "/engine/parallel.py")  # they only call what fails
_PROJECT = f"{Path(__file__).resolve().parents[2]}/"


class CoopError(Exception):
    """Something that an operator should read as one sentence, never as a traceback."""

    exit_code = 1


class WrongUsage(CoopError):
    """What was asked for does not exist in this rack or task."""

    exit_code = 2


class Rejected(CoopError):
    """The rack's files ask for what cannot be done to what runs: nothing was touched. `reasons`: each with its line."""

    exit_code = 2

    def __init__(self, reasons: Sequence[str]):
        self.reasons = tuple(dict.fromkeys(reasons))
        super().__init__("\n".join((*self.reasons, "nothing was changed")))


class LockHeld(CoopError):
    """Another run holds the rack's lock. `holder` has: who, origin, since (UTC, ISO 8601), task."""

    def __init__(self, gateway: str, holder: Mapping[str, str]):
        self.gateway, self.holder = gateway, dict(holder)
        who, origin = holder.get("who", "someone"), holder.get("origin", "an unknown place")
        since, task = holder.get("since", "an unknown time"), holder.get("task", "an unknown task")
        super().__init__(f"{who} from {origin} is at work on this rack since {since}, doing {task}; "
                         f"the lock on {gateway} frees itself when that run ends")


class NoLock(CoopError):
    """The rack's lock could not be taken: the gateway was not reached."""

    def __init__(self, gateway: str):
        super().__init__(f"nothing was changed: the rack's lock is on {gateway}, which could not be reached")


class Unprepared(CoopError):
    """What a preparation has to know could not be found out: the steps that need it are not begun, others are."""


class NotAgreed(CoopError):
    """Changes would interrupt something, and nobody agreed to them. `interruptions`: what, in words."""

    def __init__(self, interruptions: Sequence[str]):
        self.interruptions = tuple(dict.fromkeys(interruptions))
        super().__init__("not agreed to, so not done: " + "; ".join(self.interruptions)
                         + " (--yes agrees beforehand, --dry shows the whole plan)")


class Crashed(CoopError):
    """What nobody foresaw: a fault of Coop itself, or this computer refused something. `__cause__` is the exception."""

    def __init__(self, cause: BaseException):
        self.__cause__ = cause
        if isinstance(cause, OSError) and cause.strerror:
            what = ": ".join(filter(None, (cause.strerror.lower(), cause.filename and str(cause.filename))))
        else:
            what = f"this is a fault of Coop: {type(cause).__name__}: {cause}".replace("\n", " ")
        super().__init__(f"{mask(what)} ({_place(cause)}); again with --debug shows where it comes from")


def _place(error: BaseException) -> str:
    """Where in Coop's own code an error came from, also one of a library; else where it was raised."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [(name.removeprefix(_PROJECT), line) for name, line in frames
           if name.startswith((f"{_PROJECT}fabfile/", f"{_PROJECT}lab/")) and not name.endswith(_CALLERS)]
    return "{}:{}".format(*(own or frames or [("?", 0)])[-1])


class Interrupted(CoopError):
    """The operator pressed Ctrl-C. `running` tells for each machine what had been begun there."""

    exit_code = 130

    def __init__(self, running: Mapping[str, str]):
        self.running = dict(running)
        super().__init__("interrupted")


class MachineError(CoopError):
    """Something failed on, or on the way to, one machine. `tail`: the last lines it said, secrets masked."""

    def __init__(self, machine: str, problem: str, *, step: str = "", resource: str = "", command: str = "",
                 code: int | None = None, tail: Sequence[str] = (), hint: str = ""):
        self.machine, self.problem, self.step, self.resource = machine, problem, step, resource
        self.command, self.code, self.tail, self.hint = command, code, tuple(tail), hint
        super().__init__(problem)

    def __str__(self) -> str:
        where = [part for part in (self.machine, self.step, self.resource) if part]
        return ": ".join([", ".join(where), self.problem])

    def at(self, step: str = "", resource: str = "") -> MachineError:
        """The same error, told where it happened."""
        self.step, self.resource = self.step or step, self.resource or resource
        return self


class LinkError(MachineError):
    """Nothing was, or could be, said to the machine."""


class NoAnswer(LinkError):
    """The machine could not be reached, or fell silent while connecting."""


class HostKeyUnknown(LinkError):
    """The rack names no host key for this machine."""

    exit_code = 2


class HostKeyChanged(LinkError):
    """The machine shows another host key than the rack's."""


class KeyUnusable(LinkError):
    """The operator's own key cannot be used: it is locked and not in the agent, damaged, or there is none."""

    exit_code = 2


class KeyRefused(LinkError):
    """The machine does not let the operator in."""


class RootRefused(LinkError):
    """The operator is in, but may not become root without a password."""


class LinkLost(LinkError):
    """The line was cut, or the machine fell silent, while something ran."""


class LookFailed(MachineError):
    """A probe failed, or its facts could not be understood."""


class CommandFailed(MachineError):
    """A command ended with another code than 0."""


class TookTooLong(CommandFailed):
    """A command did not end within its limit."""


class BorrowFailed(MachineError):
    """Another machine could not make the value that a change needs."""


class WentBack(MachineError):
    """A change cut the operator off, and the machine has put the former state back."""


class CheckFailed(MachineError):
    """What a step should bring about did not come true in time."""
