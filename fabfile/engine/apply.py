"""Applying a plan to one machine: all commands of a step in one write, until one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from shlex import quote
from typing import TYPE_CHECKING

from fabfile.engine import confirm, detached, powering_off, rebooting
from fabfile.engine.carrying import bring
from fabfile.engine.command_output import failure, shown, tail
from fabfile.engine.errors import LinkLost, MachineError, RemoteValueFailed, TookTooLong
from fabfile.engine.events import Applying, Changed, Event, Heard, Ran, Said
from fabfile.engine.fleet import Fleet, HostSession
from fabfile.engine.framing import Answer
from fabfile.engine.plan import Entry
from fabfile.engine.shell import ShellCommand, first_line
from fabfile.resources.base import REVOKE_LIMIT, Change, Command, RemoteValue
from fabfile.secret import Secret, mask, remember_keys

if TYPE_CHECKING:
    from fabfile.rack import Rack

Tell = Callable[[Event], None]


def apply(rack: Rack, fleet: Fleet, session: HostSession, entries: Sequence[Entry], tell: Tell) -> None:
    """Applies the entries of one machine and step, in order. Raises MachineError at the first that fails.

    Changes without remote values are sent together. A change with remote values is applied alone: its
    values are obtained just before and revoked just after. So is a change that needs files of other machines, one that has
    to be confirmed over a new connection, or one that the connection does not outlive.
    """
    for alone, group in groupby(entries, key=lambda entry: _is_made_alone(entry.change)):
        if not alone:
            _together(session, tuple(group), "", tell)
            continue
        for entry in group:
            for want in entry.change.remote_files:
                tell(Applying(entry.machine, entry.step, entry.resource, mask(entry.change.what)))
                bring(rack, fleet, session, entry, want)
            with remote_values(rack, fleet, entry) as variables:
                if not (entry.change.undo or entry.change.reboots or entry.change.powers_off):
                    _together(session, (entry,), variables, tell)
                    continue
                tell(Applying(entry.machine, entry.step, entry.resource, mask(entry.change.what)))
                if entry.change.reboots:
                    rebooting.reboot(fleet, session, entry, tell)
                elif entry.change.powers_off:
                    powering_off.power_off(fleet, session, entry, tell)
                else:
                    confirm.apply_with_undo(fleet, session, entry, variables, tell)


def _is_made_alone(change: Change) -> bool:
    return bool(change.remote_values or change.remote_files or change.undo or change.reboots or change.powers_off)


@contextmanager
def remote_values(rack: Rack, fleet: Fleet, entry: Entry) -> Iterator[str]:
    """Shell text that sets the variables with a change's remote values; when its commands have ended, the values are revoked, the
    last one first. After a lost connection, or Ctrl-C, they may still be at work with them: then these expire by themselves.
    """
    held: list[tuple[RemoteValue, str]] = []
    try:
        for want in entry.change.remote_values:
            held.append((want, _obtain(rack, fleet, entry, want)))
        yield "".join(text for _, text in held)
    except MachineError as error:
        if entry.change.reboots or not isinstance(error, (LinkLost, TookTooLong)):
            with suppress(MachineError):  # what failed first is what is told
                _revoke(rack, fleet, entry, held)
        raise
    _revoke(rack, fleet, entry, held)


def _obtain(rack: Rack, fleet: Fleet, entry: Entry, want: RemoteValue) -> str:
    problem = f"{want.machine} could not create {want.shown}"
    answer = _asked(rack, fleet, entry, want, f"creates {want.shown} for {entry.machine}", want.obtain, problem)
    value = answer.output.rstrip("\n")
    if answer.code or not value:
        remember_keys(value)
        raise RemoteValueFailed(entry.machine, problem, step=entry.step, resource=entry.resource,
                           command=first_line(want.obtain), code=answer.code, tail=tail(answer.output),
                           hint=f"check on {want.machine} why not")
    return f"{want.name}={quote(Secret(value).reveal() if want.secret else value)}\n"


def _revoke(rack: Rack, fleet: Fleet, entry: Entry, held: Sequence[tuple[RemoteValue, str]]) -> None:
    for want, text in reversed(held):
        if want.revoke:
            doing = f"revokes {want.shown} of {entry.machine}"
            problem = f"{want.machine} could not revoke {want.shown}"
            answer = _asked(rack, fleet, entry, want, doing, text + want.revoke, problem, REVOKE_LIMIT)
            if answer.code:
                raise RemoteValueFailed(entry.machine, problem, step=entry.step, resource=entry.resource,
                                   command=doing, code=answer.code, tail=tail(answer.output),
                                   hint=f"check on {want.machine} why not")


def _asked(rack: Rack, fleet: Fleet, entry: Entry, want: RemoteValue, doing: str, text: str,
           problem: str, limit: float = 60.0) -> Answer:
    """The source's answer. If it does not answer, the change fails."""
    try:
        with fleet.at(rack.machine(want.machine), doing) as source:
            answer = source.shell.ask(text, limit, shown=doing)
            source.commands += answer.seconds
            return answer
    except MachineError as error:
        raise RemoteValueFailed(entry.machine, f"{problem}: {error.problem}", step=entry.step,
                           resource=entry.resource, command=error.command or doing, tail=error.tail,
                           hint=error.hint) from error


def _together(session: HostSession, entries: Sequence[Entry], variables: str, tell: Tell) -> None:
    shell, machine = session.shell, session.machine.name
    todo = [(entry, command) for entry in entries for command in entry.change.commands]
    lines = [_line(machine, entry, command, variables) for entry, command in todo]
    answers = shell.act(lines, heard=lambda text: tell(Heard(machine, mask(text))))
    spent = 0.0
    for number, (entry, command) in enumerate(todo):
        if number == 0 or todo[number - 1][0] is not entry:
            tell(Applying(machine, entry.step, entry.resource, mask(entry.change.what)))
            spent = 0.0
        session.doing = shown(command) + (" (keeps running; the next run waits for it)" if command.long else
                                       " (finishes; nothing follows it)")
        try:
            answer = next(answers)
        except MachineError as error:
            raise error.at(entry.step, entry.resource) from None
        spent += answer.seconds
        session.commands += answer.seconds
        tell(Ran(machine, entry.step, entry.resource, shown(command), answer.code, answer.seconds,
                 "\n".join(tail(answer.output)) if answer.code else ""))
        if command.says and answer.output.strip():
            tell(Said(machine, mask(answer.output)))
        if answer.code:
            raise failure(entry, command, answer.code, answer.output)
        if number + 1 == len(todo) or todo[number + 1][0] is not entry:
            session.changes += 1
            tell(Changed(machine, entry.step, entry.resource, mask(entry.change.what), spent))


def _line(machine: str, entry: Entry, command: Command, variables: str) -> ShellCommand:
    if not command.long:
        return ShellCommand(variables + command.script, command.limit, shown(command))
    name = detached.name(machine, entry.resource, command.script)
    script = detached.run(name, shown(command), variables + command.script, command.limit)
    return ShellCommand(script, command.limit + 30, shown(command))
