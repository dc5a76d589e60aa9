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
class Seat:
    """One machine's place in a run, and what it cost."""

    machine: Machine
    taken: RLock = field(default_factory=RLock)
    shell: Shell | None = None
    doing: str = ""  # what a person is told that the machine does at this moment
    busy: float = 0.0  # seconds of the operator's clock
    commands: float = 0.0  # seconds of the machine's own
    changes: int = 0
    round_trips: int = 0
    known: bool = False  # this run has had a shell there before


class Fleet:
    """Opens shells and lends them out. `greet` is called with every new shell, before all else."""

    def __init__(self, ways: Ways, tell: Callable[[Event], None], greet: Callable[[Seat], None]):
        self._ways, self._tell, self._greet = ways, tell, greet
        self._seats: dict[str, Seat] = {}
        self._closed = False

    def seat(self, machine: Machine) -> Seat:
        return self._seats.setdefault(machine.name, Seat(machine))  # atomic

    def seats(self) -> tuple[Seat, ...]:
        return tuple(self._seats.values())

    @contextmanager
    def at(self, machine: Machine, doing: str = "") -> Iterator[Seat]:
        """The machine's seat with an open shell, for this thread alone. Raises LinkError."""
        seat = self.seat(machine)
        with seat.taken:
            began, before, seat.doing = time.monotonic(), seat.doing, doing or seat.doing
            try:
                if seat.shell is not None and not seat.shell.alive():
                    self._drop(seat)  # its line broke while nothing was asked of it: nothing is lost
                if seat.shell is None:
                    self._open(seat)
                yield seat
                seat.doing = before  # after an error, or Ctrl-C, it stays said
            except (LinkLost, TookTooLong):
                self._drop(seat)  # whoever needs this machine again begins with a new shell
                raise
            finally:
                seat.busy += time.monotonic() - began

    def reopen(self, seat: Seat) -> None:
        """A new connection in place of the former one. Raises LinkError."""
        self._drop(seat)
        self._open(seat, fresh=True)

    def doing(self) -> dict[str, str]:
        """What every machine does at this moment, of those that do anything."""
        return {seat.machine.name: seat.doing for seat in self.seats() if seat.doing}

    def close(self) -> None:
        """Ends every shell and connection, also those that other threads use at this moment."""
        self._closed = True
        for seat in self.seats():
            self._drop(seat)
        self._ways.close()

    def _open(self, seat: Seat, fresh: bool = False) -> None:
        if self._closed:
            raise LinkLost(seat.machine.name, "the run is being stopped")
        began = time.monotonic()
        seat.shell = Shell(seat.machine.name, self._ways.shell(seat.machine, fresh=fresh))
        self._tell(Connected(seat.machine.name, time.monotonic() - began))
        self._greet(seat)
        seat.known = True

    def _drop(self, seat: Seat) -> None:
        shell, seat.shell = seat.shell, None
        if shell is not None:
            seat.round_trips += shell.writes
            shell.close()
