"""The file of the names that a machine knows without DNS."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from .base import Change
from .file import File, FileFacts
from .writing import FORMER

_OWN = ("127.", "::1", "fe00:", "ff00:", "ff02:")  # a machine's own, and IPv6's: every installer writes them


@dataclass(frozen=True)
class HostNames(File):
    """/etc/hosts. Names that somebody has put there before Coop, and that go with it, are told."""

    path: str = "/etc/hosts"
    content: str = ""
    asks: bool = True

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for change in super().changes(facts, altered):
            yield replace(change, interrupts=self._lost(facts)) if change.interrupts else change

    def _lost(self, facts: str) -> str:
        known = _names(self.content)
        lost = [f"{name} ({address})" for name, address in _names(FileFacts(facts).content or "").items() if known.get(name) != address]
        return (f"{self.path} says no more where {', '.join(lost)} {'is' if len(lost) == 1 else 'are'} (a copy is kept in "
                f"{FORMER}{self.path})") if lost else ""


def _names(text: str) -> dict[str, str]:
    """Name to address, of all but the machine's own."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        address, *names = line.partition("#")[0].split() or [""]
        if address and not address.startswith(_OWN):
            for name in names:
                found.setdefault(name, address)
    return found
