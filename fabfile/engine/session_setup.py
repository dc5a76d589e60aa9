"""The setup of every new root shell in a run: take the locks, and wait for commands of earlier runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fabfile.engine import detached, events, lock
from fabfile.engine.errors import MachineError
from fabfile.engine.events import Event
from fabfile.engine.fleet import HostSession
from fabfile.engine.framing import Answer
from fabfile.engine.shell import Guard, ShellCommand
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Rack

ADOPTION_LIMIT = 3600.0  # seconds that a command of an earlier run may still take


class SessionSetup:
    """Takes the rack's lock with the gateway's shell and each machine's lock with its own, as guards: where one is
    refused, nothing that comes in the same write is run. A dry run takes none, and waits for nobody."""

    def __init__(self, rack: Rack, run: str, command: str, dry: bool, tell: Callable[[Event], None], patience: float = 0.0):
        self._rack, self._run, self._command, self._dry, self._tell = rack, run, command, dry, tell
        self._patience = patience  # seconds for which the rack's lock is waited for
        self.has_lock = False  # the rack's, at least once

    def __call__(self, session: HostSession) -> None:
        """Prepares the new shell of a machine."""
        shell, machine = session.shell, session.machine.name
        shell.heard = self._heard_of_earlier(machine)
        if not self._dry and machine == self._rack.gateway.name:
            take = lock.take_rack(self._run, self._command, lock.who(self._rack), self._patience)
            shell.guard(Guard(lock.OPEN_RACK, ShellCommand(take, 60.0 + self._patience, "take the rack's lock"),
                              lambda answer: lock.refused(machine, answer), self._taken))
        if not self._dry:
            shell.guard(Guard(lock.OPEN_MACHINE, ShellCommand(lock.take_machine(self._run), 90.0, "take the machine's lock"),
                              lambda answer: lock.still_busy(machine), lambda answer: self._waited(session, answer)))
        if not session.known:
            waiting = ShellCommand(detached.adopt(wait=not self._dry), ADOPTION_LIMIT, "wait for earlier commands")
            shell.guard(Guard("", waiting, lambda answer: _unknown(machine, answer),
                              lambda answer: self._waited(session, answer)))

    def _taken(self, answer: Answer) -> None:
        self.has_lock = True

    def _waited(self, session: HostSession, answer: Answer) -> None:
        session.commands += answer.seconds  # an earlier run's command was waited for: no time of this run's own

    def _heard_of_earlier(self, machine: str) -> Callable[[str], None]:
        def heard(text: str) -> None:
            kind, _, rest = mask(text).partition(" ")
            if kind == "adopted":
                self._tell(events.Adopted(machine, rest))
            elif kind == "waits":
                self._tell(events.Noticed(machine, lock.waiting(machine, mask(text))))
            elif kind == "took":
                self._tell(events.Noticed(machine, mask(text)))
            else:
                self._tell(events.Heard(machine, mask(text)))
        return heard


def _unknown(machine: str, answer: Answer) -> MachineError:
    return MachineError(machine, "it is not known whether a command of an earlier run is still running there",
                        command="wait for earlier commands", code=answer.code,
                        hint=f"look at {detached.UNITS} on {machine}")
