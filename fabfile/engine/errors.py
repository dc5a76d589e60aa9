"""The errors of a run.

    CoopError
    ├── WrongUsage                  an unknown step or machine was asked for                     (exit 2)
    ├── Rejected                    the rack's files ask for what the cluster cannot be changed to (exit 2)
    ├── LockHeld                    another run holds the lock on this rack
    ├── NoLock                      the gateway, which holds the rack's lock, could not be reached
    ├── Unprepared                  what some steps have to know beforehand could not be found out
    ├── NotApproved                   something would be interrupted, and nobody agreed to it
    ├── Crashed                     a bug in Coop itself
    ├── Interrupted                 Ctrl-C; says what still runs where
    └── MachineError                knows machine, step, command, exit code, last lines, hint
        ├── LinkError               nothing was (or could be) said to the machine
        │   ├── NoAnswer            it could not be reached, or fell silent while connecting
        │   ├── HostKeyUnknown      the rack names no host key for it                           (exit 2)
        │   ├── HostKeyChanged      it shows another key than the rack's: not spoken to
        │   ├── KeyUnusable         the operator's own key cannot be used: locked, damaged, absent     (exit 2)
        │   ├── KeyRefused          it does not let the operator in
        │   ├── RootRefused         sudo wants a password, or is not there
        │   ├── NoShell             the operator is in, and no command runs
        │   └── LinkLost            the connection was lost while something ran
        ├── ProbeFailed             a probe failed, or its facts could not be understood
        ├── CommandFailed           a command failed: its exit code was not 0
        │   └── TookTooLong         a command did not end within its limit
        ├── RemoteValueFailed       another machine could not create the value that a change needs
        ├── RolledBack              a change cut the operator off and was undone by the machine
        └── CheckFailed             what a step should bring about did not come true
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from fabfile.secret import mask

_CALLERS = ("/tasks/task.py", "/cli/fab.py", "/cli/program.py", "/engine/parallel.py")  # they only call what fails
_PROJECT = f"{Path(__file__).resolve().parents[2]}/"


class CoopError(Exception):
    """An error that an operator sees as one sentence, never as a traceback."""

    exit_code = 1


class WrongUsage(CoopError):
    """The requested machine, step or object does not exist in this rack or task."""

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
        super().__init__(f"{who} from {origin} holds the lock on this rack since {since}, running {task}; "
                         f"the lock on {gateway} is released when that run ends")


class NoLock(CoopError):
    """The rack's lock could not be taken: the gateway was not reached."""

    def __init__(self, gateway: str):
        super().__init__(f"nothing was changed: the rack's lock is on {gateway}, which could not be reached")


class Unprepared(CoopError):
    """A value that steps need for planning could not be queried: these steps are not started, others are."""


class NotApproved(CoopError):
    """Changes would interrupt something, and were not approved. `interruptions`: what, in words; `typed`: the names that
    would have to be typed for some of them."""

    def __init__(self, interruptions: Sequence[str], typed: Sequence[str] = ()):
        self.interruptions = tuple(dict.fromkeys(interruptions))
        how = f"a terminal asks for {', '.join(dict.fromkeys(typed))} to be typed" if typed else "--yes approves in advance"
        super().__init__("not approved, so not done: " + "; ".join(self.interruptions) + f" ({how}, --dry shows the whole plan)")


class Crashed(CoopError):
    """An unexpected error: a bug in Coop itself, or this computer refused something. `__cause__` is the exception."""

    def __init__(self, cause: BaseException):
        self.__cause__ = cause
        if isinstance(cause, OSError) and cause.strerror:
            what = ": ".join(filter(None, (cause.strerror.lower(), cause.filename and str(cause.filename))))
        else:
            what = f"{type(cause).__name__}: {cause}".replace("\n", " ")
            what = what if _place(cause).startswith("site/") else f"this is a bug in Coop: {what}"
        super().__init__(f"{mask(what)} ({_place(cause)}); run again with --debug to see where it comes from")


def _place(error: BaseException) -> str:
    """Where a task of the site's own, or else Coop's own code, had an error, also one of a library; else where it was raised."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if sites := [(f"site/{Path(name).name}", line) for name, line in frames if Path(name).parent.name == "site"]:
        return "{}:{}".format(*sites[-1])
    own = [(name.removeprefix(_PROJECT), line) for name, line in frames
           if name.startswith((f"{_PROJECT}fabfile/", f"{_PROJECT}lab/")) and not name.endswith(_CALLERS)]
    return "{}:{}".format(*(own or frames or [("?", 0)])[-1])


class Interrupted(CoopError):
    """The operator pressed Ctrl-C. `running`: machine → what is still running there."""

    exit_code = 130

    def __init__(self, running: Mapping[str, str]):
        self.running = dict(running)
        super().__init__("interrupted")


class MachineError(CoopError):
    """Something failed on, or on the way to, one machine. `tail`: the last lines it said, secrets masked; `answered`: whether
    the machine itself said something, be it that it lets nobody in."""

    answered = True

    def __init__(self, machine: str, problem: str, *, step: str = "", resource: str = "", command: str = "",
                 code: int | None = None, tail: Sequence[str] = (), hint: str = "", answered: bool | None = None):
        self.machine, self.problem, self.step, self.resource = machine, problem, step, resource
        self.command, self.code, self.tail, self.hint = command, code, tuple(tail), hint
        self.answered = self.answered if answered is None else answered
        super().__init__(problem)

    def __str__(self) -> str:
        where = [part for part in (self.machine, self.step, self.resource) if part]
        return ": ".join([", ".join(where), self.problem])

    def at(self, step: str = "", resource: str = "") -> MachineError:
        """The same error, with the step and resource where it happened."""
        self.step, self.resource = self.step or step, self.resource or resource
        return self


class LinkError(MachineError):
    """There is no connection to the machine."""


class NoAnswer(LinkError):
    """The machine could not be reached, or stopped answering while connecting. `answered`: its system takes connections, or
    refuses them, and no sshd speaks with Coop."""

    answered = False


class HostKeyUnknown(LinkError):
    """The rack names no host key for this machine: it was not spoken to."""

    exit_code = 2
    answered = False


class HostKeyChanged(LinkError):
    """The machine shows another host key than the rack's."""


class KeyUnusable(LinkError):
    """The operator's own key cannot be used: it is locked and not in the agent, damaged, or there is none."""

    exit_code = 2


class KeyRefused(LinkError):
    """The machine refuses the operator's login."""


class RootRefused(LinkError):
    """The operator is logged in, but sudo requires a password, or is not installed."""


class NoShell(LinkError):
    """The operator is logged in, but what was started there runs no command."""


class LinkLost(LinkError):
    """The connection was lost, or the machine stopped answering, while something ran."""

    answered = False


class ProbeFailed(MachineError):
    """A probe failed, or its facts could not be understood."""


class CommandFailed(MachineError):
    """A command failed: its exit code was not 0."""


class TookTooLong(CommandFailed):
    """A command did not end within its limit."""


class RemoteValueFailed(MachineError):
    """Another machine could not create the value that a change needs."""


class RemoteFileFailed(MachineError):
    """A file of another machine that a change needs could not be copied."""


class RolledBack(MachineError):
    """A change would have locked the operator out, and the machine has restored the previous state."""


class CheckFailed(MachineError):
    """A check of a step did not pass in time."""


def proves_that_it_runs(machine: str, error: MachineError | None) -> bool:
    """Whether this error shows that the machine is on, whoever it lets in. One of the gateway before it shows nothing."""
    return error is not None and error.machine == machine and error.answered
