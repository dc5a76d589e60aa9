"""How sshd lets people in: tried, then confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from . import parts
from .base import Change, Command, Resource
from .file import File, FileFacts, undo
from .unit import Unit


@dataclass(frozen=True)
class SshSettings(Resource):
    """A drop-in of sshd's settings, and an sshd that runs with it.

    sshd itself checks the drop-in, then all its settings together. A change is rolled back automatically unless a new
    connection comes in through it.
    """

    content: str
    path: str = "/etc/ssh/sshd_config.d/10-rack.conf"

    @property
    def name(self) -> str:
        return f"ssh settings {self.path}"

    def file(self) -> File:
        return File(self.path, self.content, check="sshd -t -f {}")

    def unit(self) -> Unit:
        return Unit("ssh", watches=(self.path,), reload=True)

    def probe(self) -> str:
        return parts.probe(self.file().probe(), self.unit().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        kept, running = parts.facts(facts, 2)
        for change in self.file().changes(kept, altered):
            if not change.alters:  # owner or mode alone
                yield change
                continue
            reload = "systemctl reload-or-restart ssh"
            yield Change(change.what, (*change.commands, Command(f"sshd -t\n{reload}")),
                         diff=change.diff, alters=change.alters | {"unit:ssh.service"},
                         undo=f"{undo(self.path, FileFacts(kept))}\n{reload}")
            return
        yield from self.unit().changes(running, altered)
