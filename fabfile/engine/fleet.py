"""The machines of one run: one root shell each, opened when first needed, used by one thread at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

from fabfile.engine.errors import LinkLost, TookTooLong
from fabfile.engine.events import Connected, Event
from fabfile.engine.shell import Shell
from fabfile.engine.ways import Ways

if TYPE_CHECKING:
    from fabfile.rack import Machine


@dataclass
class HostSession:
    """The session with one machine in a run: its shell, and the time that it used."""

    machine: Machine
    taken: RLock = field(default_factory=RLock)
    opened: Shell | None = None
    doing: str = ""  # what a person is shown that the machine does at this moment
    busy: float = 0.0  # seconds of the operator's clock
    commands: float = 0.0  # seconds of the machine's own
    changes: int = 0
    round_trips: int = 0
    known: bool = False  # this run has had a shell there before
    off: bool = False  # this run has switched the machine off

    @property
    def shell(self) -> Shell:
        """The shell that Fleet.at has opened. Raises LinkLost where there is none."""
        if self.opened is None:
            raise LinkLost(self.machine.name, "no shell is open there")
        return self.opened


class Fleet:
    """The sessions of a run. `on_open` is called with every new shell, before anything else."""

    def __init__(self, ways: Ways, tell: Callable[[Event], None], on_open: Callable[[HostSession], None]):
        self._ways, self._tell, self._on_open = ways, tell, on_open
        self._sessions: dict[str, HostSession] = {}
        self._closed = False

    def session(self, machine: Machine) -> HostSession:
        return self._sessions.setdefault(machine.name, HostSession(machine))  # atomic

    def sessions(self) -> tuple[HostSession, ...]:
        return tuple(self._sessions.values())

    @contextmanager
    def at(self, machine: Machine, doing: str = "") -> Iterator[HostSession]:
        """The machine's session with an open shell, for this thread alone. Raises LinkError."""
        session = self.session(machine)
        with session.taken:
            began, before, session.doing = time.monotonic(), session.doing, doing or session.doing
            try:
                if session.opened is not None and not session.opened.alive():
                    self._drop(session)  # its connection broke while nothing was asked of it: nothing is lost
                if session.opened is None:
                    self._open(session)
                yield session
                session.doing = before  # after an error, or Ctrl-C, it stays said
            except (LinkLost, TookTooLong):
                self._drop(session)  # whoever needs this machine again begins with a new shell
                raise
            finally:
                session.busy += time.monotonic() - began

    def reopen(self, session: HostSession) -> None:
        """A new connection in place of the previous one. Raises LinkError."""
        self._drop(session)
        self._open(session, fresh=True)

    def doing(self) -> dict[str, str]:
        """What every machine does at this moment, of those that do anything."""
        return {session.machine.name: session.doing for session in self.sessions() if session.doing}

    def close(self) -> None:
        """Ends every shell and connection, also those that other threads use at this moment."""
        self._closed = True
        for session in self.sessions():
            self._drop(session)
        self._ways.close()

    def _open(self, session: HostSession, fresh: bool = False) -> None:
        if self._closed:
            raise LinkLost(session.machine.name, "the run is being stopped")
        began = time.monotonic()
        session.opened = Shell(session.machine.name, self._ways.shell(session.machine, fresh=fresh))
        self._tell(Connected(session.machine.name, time.monotonic() - began))
        self._on_open(session)
        session.known = True

    def _drop(self, session: HostSession) -> None:
        shell, session.opened = session.opened, None
        if shell is not None:
            session.round_trips += shell.writes
            shell.close()
