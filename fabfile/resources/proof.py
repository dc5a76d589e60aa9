"""What a step still has to prove on a machine: a note that its changes leave, until its checks have held."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource

NOTES = "/var/lib/coop/unproved"


@dataclass(frozen=True)
class Proof(Resource):
    """The step's checks have held since it changed this machine. Nothing is changed for it: a run that finds the
    note of an earlier one, whose checks failed or which ended before them, asks them again."""

    step: str

    @property
    def name(self) -> str:
        return f"proof of {self.step}"

    def probe(self) -> str:
        return f"[ ! -e {self._note} ] || echo owed"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip():
            yield Change("a run changed it, or began to, and did not prove it: its checks are to be asked", ())

    def owe(self) -> str:
        """Shell text that leaves the note."""
        return f"(umask 077; mkdir -p {NOTES}) && : >{self._note}"

    def settle(self) -> str:
        """Shell text that takes it away."""
        return f"rm -f {self._note}"

    @property
    def _note(self) -> str:
        return quote(f"{NOTES}/{self.step}")
