"""What a reboot and a power-off have in common: the command that the connection does not outlive, and what is told when all is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from fabfile.engine.command_output import shown
from fabfile.engine.errors import LinkError, TookTooLong
from fabfile.engine.events import Changed, Event, Ran
from fabfile.engine.fleet import HostSession
from fabfile.engine.plan import Entry
from fabfile.resources.base import Command
from fabfile.secret import mask


def send(session: HostSession, command: Command) -> None:
    """Tells the machine to go down. Whether it does is for new connections to see."""
    with suppress(LinkError, TookTooLong):  # it went down before it could answer
        session.shell.ask(command.script, 15.0)


def done(session: HostSession, entry: Entry, command: Command, began: float, tell: Callable[[Event], None]) -> None:
    """The change is made: its time counts as the command's."""
    seconds = time.monotonic() - began
    session.commands += seconds
    session.changes += 1
    tell(Ran(entry.machine, entry.step, entry.resource, shown(command), 0, seconds))
    tell(Changed(entry.machine, entry.step, entry.resource, mask(entry.change.what), seconds))
