"""The backups that a gateway keeps: when each was taken, of what, and whether it is as it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fabfile.facts.sections import sections
from fabfile.programs import shell
from fabfile.resources.backup import BACKUPS


@dataclass(frozen=True)
class Backup:
    """One of them."""

    name: str
    taken: datetime | None = None
    node: str = ""
    kubernetes: str = ""
    objects: int = 0
    bytes: int = 0
    hubs: tuple[str, ...] = field(default=())  # whose database is in it
    whole: bool = False  # its checksums are right


def question() -> str:
    """Shell text for the gateway."""
    return shell("backups", folder=BACKUPS)


def parse(answer: str) -> list[Backup]:
    """The oldest first."""
    found: list[Backup] = []
    for name, text in sections(answer, "backup "):
        lines = text.splitlines()
        words = dict(line.partition(" ")[::2] for line in lines)
        taken = datetime.fromisoformat(words["taken"]) if words.get("taken") else None
        found.append(Backup(name, taken, words.get("node", ""), words.get("kubernetes", ""), int(words.get("objects") or 0),
                            int(words.get("bytes") or 0), tuple(line[4:] for line in lines if line.startswith("hub ")), "whole" in words))
    return found


def chosen(backups: list[Backup], name: str = "") -> Backup:
    """The one of that name, or the newest that is whole. Raises ValueError with a sentence."""
    if name:
        one = next((backup for backup in backups if backup.name == name), None)
        if one is None:
            raise ValueError(f"there is no backup {name!r}: inv rack.backup --list shows those that there are")
        if not one.whole:
            raise ValueError(f"backup {name} is damaged: its checksums differ")
        return one
    whole = [backup for backup in backups if backup.whole]
    if not whole:
        raise ValueError("there is no whole backup: inv rack.backup takes one" if not backups else
                         f"all {len(backups)} backups are damaged: their checksums differ")
    return whole[-1]
