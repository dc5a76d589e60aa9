"""How a command and its output are shown to a person; secrets masked."""

from __future__ import annotations

from fabfile.engine.causes import cause
from fabfile.engine.errors import CommandFailed, TookTooLong
from fabfile.engine.plan import Entry
from fabfile.engine.shell import first_line
from fabfile.resources.base import Command
from fabfile.secret import mask

_LIMIT_PASSED = 124  # what `timeout` says


def shown(command: Command) -> str:
    """How a command is shown to a person."""
    return first_line(command.shown or command.script)


def tail(text: str, lines: int = 10) -> tuple[str, ...]:
    """The last lines of output, without empty and progress lines."""
    return tuple(line.rstrip() for line in mask(text).splitlines()
                 if line.strip() and not line.startswith("... "))[-lines:]


def failure(entry: Entry, command: Command, code: int, said: str, hint: str = "") -> CommandFailed:
    """The error of a command that failed, with its output."""
    kind, problem = CommandFailed, f"`{shown(command)}` failed with exit code {code}"
    known = cause(said)
    if command.long and code == _LIMIT_PASSED:
        kind, problem = TookTooLong, f"`{shown(command)}` was ended after its limit of {command.limit:.0f} s"
    if known and not hint:
        problem, hint = f"{problem}: {known}", known.fix
    return kind(entry.machine, problem, step=entry.step, resource=entry.resource, command=shown(command),
                code=code, tail=tail(said), hint=hint)
