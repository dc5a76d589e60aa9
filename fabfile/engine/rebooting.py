"""Rebooting a machine during a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from fabfile.engine import going_down
from fabfile.engine.command_output import shown
from fabfile.engine.errors import LinkError, NoAnswer, TookTooLong
from fabfile.engine.events import Event
from fabfile.engine.fleet import Fleet, HostSession
from fabfile.engine.plan import Entry
from fabfile.resources.rebooted import STARTED
from fabfile.secret import mask

_PAUSE = 0.5  # seconds between two attempts to come in


def reboot(fleet: Fleet, session: HostSession, entry: Entry, tell: Callable[[Event], None]) -> None:
    """Makes a change that starts its machine again: over when a new connection sees another start.

    Raises NoAnswer when that does not come true within the command's limit.
    """
    (command,) = entry.change.commands
    began, session.doing, why = time.monotonic(), mask(entry.change.what), "it has not shut down"
    before = session.shell.ask(STARTED).output
    going_down.send(session, command)
    while time.monotonic() < began + command.limit:
        try:
            fleet.reopen(session)
            if session.shell.ask(STARTED, 15.0).output != before:
                break
        except (LinkError, TookTooLong) as error:
            why = error.problem
        time.sleep(_PAUSE)
    else:
        raise NoAnswer(entry.machine, f"it was not reachable again within {command.limit:.0f} s: {why}",
                       step=entry.step, resource=entry.resource, command=shown(command),
                       hint="check its console")
    going_down.done(session, entry, command, began, tell)
