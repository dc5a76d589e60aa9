"""A BMC that has said how it is, by whatever protocol: what it is asked again, and how it is had to do something."""

from __future__ import annotations

from typing import Protocol

from fabfile.bmc.board import Board, Event, State

PATIENCE = 120  # seconds that a system is given to shut down


class Known(Protocol):
    """Every text is shell text for rooster."""

    @property
    def board(self) -> Board: ...

    @property
    def state(self) -> State: ...

    def probe(self) -> str:
        """What changes by itself or by others is read again."""

    def read(self, output: str) -> State:
        """What that printed. Raises BmcProblem."""

    def power_off(self, patience: int = PATIENCE) -> str:
        """Its system is asked first, and given so many seconds; 0: its power is cut at once. Raises BmcProblem."""

    def power_on(self) -> str:
        """Raises BmcProblem."""

    def boot_next(self, target: str) -> str:
        """The next start comes from there, once; read back. Raises BmcProblem."""

    def boots_from(self, target: str, state: State) -> bool:
        """Whether that is set already."""

    def identify(self, lit: bool) -> str:
        """Its light, by which it is found in the rack. Raises BmcProblem."""

    def console(self) -> str:
        """Defines how record.sh reads the machine's console. Raises BmcProblem."""

    def log(self) -> AskingLog:
        """Its event log."""


class AskingLog(Protocol):
    """Of one BMC's event log, in as many rounds as its protocol needs."""

    def question(self) -> str:
        """Shell text for rooster; empty: nothing more is to be asked. Raises BmcProblem."""

    def hear(self, output: str) -> None:
        """What that printed."""

    def events(self) -> tuple[Event, ...]:
        """The newest last. Raises BmcProblem."""


class Asking(Protocol):
    """Of one BMC, in as many rounds as its protocol needs."""

    def question(self) -> str:
        """Shell text for rooster; empty: nothing more is to be asked. Raises BmcProblem."""

    def hear(self, output: str) -> None:
        """What that printed."""

    def known(self) -> Known:
        """Raises BmcProblem."""
