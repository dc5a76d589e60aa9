"""Switching a machine off during a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from fabfile.engine import going_down
from fabfile.engine.command_output import shown
from fabfile.engine.errors import LinkError, MachineError, NoAnswer
from fabfile.engine.events import Event
from fabfile.engine.fleet import Fleet, HostSession
from fabfile.engine.plan import Entry
from fabfile.secret import mask

_PAUSE = 2.0  # seconds between two attempts to come in
_SILENT = 3  # attempts in a row that fail, for a machine that is off


def power_off(fleet: Fleet, session: HostSession, entry: Entry, tell: Callable[[Event], None]) -> None:
    """Makes a change that switches its machine off: over when no connection can be opened any more.

    Raises MachineError when one still can be after the command's limit.
    """
    (command,) = entry.change.commands
    began, session.doing, silent = time.monotonic(), mask(entry.change.what), 0
    going_down.send(session, command)
    while silent < _SILENT:
        if time.monotonic() > began + command.limit:
            raise MachineError(entry.machine, f"it still answers {command.limit:.0f} s after it was told to switch itself off",
                               step=entry.step, resource=entry.resource, command=shown(command), hint="check its console")
        try:
            fleet.reopen(session)
        except NoAnswer:
            silent += 1
        except LinkError:  # it lets nobody in while it shuts down
            silent = 0
        else:
            silent = 0
        time.sleep(_PAUSE)
    session.off, session.doing = True, ""
    going_down.done(session, entry, command, began, tell)
