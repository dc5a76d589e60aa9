"""A command that is run once, whatever the machine's state: a restart, a rollback."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import ClassVar

from .base import Change, Command, Resource


@dataclass(frozen=True)
class Action(Resource):
    """A command that an operator asked for by name. What it prints is told while and after it runs."""

    lasting: ClassVar[bool] = False
    what: str  # "restart the hub"
    script: str = field(repr=False)  # it may carry a secret
    long: bool = False
    limit: float = 60.0
    interrupts: str = ""

    @property
    def name(self) -> str:
        return self.what

    def probe(self) -> str:
        return ":"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        command = Command(self.script, long=self.long, limit=self.limit, shown=self.what, says=True)
        yield Change(self.what, (command,), interrupts=self.interrupts)
