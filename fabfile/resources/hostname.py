"""A machine's host name."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import parts
from .base import Change, Command, Resource
from .file import File


@dataclass(frozen=True)
class Hostname(Resource):
    """The name, kept in /etc/hostname and live."""

    hostname: str

    @property
    def name(self) -> str:
        return f"hostname {self.hostname}"

    def file(self) -> File:
        """What sets it at the next boot."""
        return File("/etc/hostname", f"{self.hostname}\n")

    def probe(self) -> str:
        return parts.probe("read -r v </proc/sys/kernel/hostname; echo \"$v\"", self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept = parts.facts(facts, 2)
        yield from self.file().changes(kept, altered)
        if live.strip() != self.hostname:
            yield Change(f"the hostname is {live.strip()}, should be {self.hostname}",
                         (Command(f"hostname -- {quote(self.hostname)}"),))
