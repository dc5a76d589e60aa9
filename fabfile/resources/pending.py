"""A step's verification that is still to come: a note on each machine that it changed, until its checks have held."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource

NOTES = "/var/lib/coop/unverified"


@dataclass(frozen=True)
class PendingVerification(Resource):
    """The step's checks have held since it changed this machine. Nothing is changed for it: a run that finds the
    note of an earlier one, whose checks failed or which ended before them, asks them again."""

    step: str

    @property
    def name(self) -> str:
        return f"verification of {self.step}"

    def probe(self) -> str:
        return f"[ ! -e {self._note} ] || echo pending"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip():
            yield Change("an earlier run changed it, or started to, and did not verify it: its checks are run", ())

    def note(self) -> str:
        """Shell text that leaves the note."""
        return f"(umask 077; mkdir -p {NOTES}) && : >{self._note}"

    def clear(self) -> str:
        """Shell text that takes it away."""
        return f"rm -f {self._note}"

    @property
    def _note(self) -> str:
        return quote(f"{NOTES}/{self.step}")
