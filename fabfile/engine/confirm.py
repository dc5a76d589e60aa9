"""Changes that can lock the operator out: applied, confirmed over a new connection, or rolled back.

The commands and their undoing run as one detached unit: it applies, waits a minute for the file `confirmed`,
and without it puts the previous state back. The file is written by a connection that was opened after the
commands had ended: an old one may live on through a firewall that lets no new one in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fabfile.engine import detached
from fabfile.engine.command_output import failure, shown, tail
from fabfile.engine.errors import LinkError, MachineError, RolledBack, TookTooLong
from fabfile.engine.events import Changed, Event, Noticed, Ran
from fabfile.engine.fleet import Fleet, HostSession
from fabfile.engine.plan import Entry
from fabfile.engine.shell import Guard, ShellCommand
from fabfile.programs import shell
from fabfile.secret import mask

MINUTE = 60  # seconds that the machine waits for a confirmation
_RETURN = 45.0  # seconds more that it may take until the previous state can be reached again
_UNDONE, _GONE, _EARLY = 90, 91, 92  # exit codes of the confirming text


def apply_with_undo(fleet: Fleet, session: HostSession, entry: Entry, variables: str, tell: Callable[[Event], None]) -> None:
    """Applies one change that is kept only if a new connection can be opened afterwards.

    Raises RolledBack when none could, CommandFailed when its commands failed; the previous state is then
    back.
    """
    commands = entry.change.commands
    limit = sum(command.limit for command in commands)
    what = f"{mask(entry.change.what)} (rolled back automatically within {MINUTE} s)"
    name = detached.name(session.machine.name, entry.resource, "".join(command.script for command in commands))
    script = variables + shell(
        "trial", coop_commands="\n".join(command.script for command in commands), coop_undo=entry.change.undo,
        coop_tries=str(MINUTE * 5), coop_undone=str(_UNDONE))
    began, session.doing = time.monotonic(), what
    code, said = _applied(session, name, what, script, limit, tell)
    if code == 0:
        code, said = _confirmed(fleet, session, name, began + limit + MINUTE, tell)
    seconds = time.monotonic() - began
    session.commands += seconds
    tell(Ran(entry.machine, entry.step, entry.resource, shown(commands[-1]), code, seconds,
             "\n".join(tail(said)) if code else ""))
    if code in (_UNDONE, _GONE):
        raise RolledBack(entry.machine, f"no new connection could be opened after {mask(entry.change.what)}: "
                       + ("the machine has put the previous state back" if code == _UNDONE else
                          "and it is not known whether the previous state is back"),
                       step=entry.step, resource=entry.resource, command=shown(commands[-1]), tail=tail(said),
                       hint="nothing was lost: correct hosts.yaml or configs/ and run again")
    if code:
        raise failure(entry, commands[-1], code, said, hint="the previous state is back")
    session.changes += 1
    tell(Changed(entry.machine, entry.step, entry.resource, mask(entry.change.what), seconds))


def _applied(session: HostSession, name: str, what: str, script: str, limit: float,
             tell: Callable[[Event], None]) -> tuple[int, str]:
    """Applies the change and waits until its commands have ended: their exit code, and the output of failed ones.

    0 also when the connection broke: whether the commands ended is then for a new connection to see.
    """
    folder = f"{detached.UNITS}/{name}"
    starting = detached.start(name, what, script, limit + MINUTE + 30) + f"""\
until [ -e {folder}/applied ]; do flock -w 0.1 {folder}/lock true && break; done
[ "$(cat {folder}/applied)" = 0 ] && exit
flock {folder}/lock true; cat {folder}/log; coop_code=$(cat {folder}/applied); rm -rf {folder}
exit "$coop_code"
"""
    try:
        answer = session.shell.ask(starting, limit + 30, what)
    except (LinkError, TookTooLong) as error:
        tell(_unheard(session, error))
        return 0, ""
    return answer.code, answer.output


def _confirmed(fleet: Fleet, session: HostSession, name: str, deadline: float,
               tell: Callable[[Event], None]) -> tuple[int, str]:
    """Confirms over a new connection. Its exit code, and what the trial said."""
    folder = f"{detached.UNITS}/{name}"
    confirming = f"""\
set +e
[ -d {folder} ] || exit {_GONE}
[ -e {folder}/applied ] || exit {_EARLY}
: >{folder}/confirmed
{detached.wait(name, tidying=False)}"""
    why = ""
    while time.monotonic() < deadline + _RETURN:
        try:
            fleet.reopen(session)
            answer = session.shell.ask(confirming, 30.0, "confirm it over a new connection")
        except (LinkError, TookTooLong) as error:
            if not why:
                tell(_unheard(session, error))
            why = str(error)
        else:
            if answer.code != _EARLY:  # else this connection may be older than the change
                # Along with what is asked next: an answer that is lost is asked for again, and must find it.
                tidying = ShellCommand(f"{detached.tidy(name)} || :", shown="tidy up")
                session.shell.guard(Guard("", tidying, lambda answer: LinkError(session.machine.name, "the cleanup failed")))
                return answer.code, answer.output
        time.sleep(1.0)
    return _GONE, why


def _unheard(session: HostSession, error: MachineError) -> Noticed:
    return Noticed(session.machine.name,
                   f"{error.problem}; the change is rolled back automatically if no new connection can be opened")
