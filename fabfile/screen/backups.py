"""The backups of a rack on a screen, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from fabfile.screen.file_server import size
from fabfile.screen.table import table

if TYPE_CHECKING:
    from fabfile.facts.backups import Backup


def as_text(backups: Sequence[Backup], now: datetime) -> str:
    """A line each."""
    if not backups:
        return "there is no backup yet: inv rack.backup"
    return table(("backup", "taken (UTC)", "age", "Kubernetes", "objects", "size", "hubs", "state"), [
        (one.name, f"{one.taken:%Y-%m-%d %H:%M}" if one.taken else "", _age(one, now), one.kubernetes, one.objects, size(one.bytes),
         ", ".join(one.hubs), "whole" if one.whole else "damaged") for one in backups], right=("age", "objects", "size"))


def as_json(backups: Sequence[Backup]) -> str:
    """The same as data."""
    return json.dumps([asdict(one) | {"taken": one.taken.isoformat() if one.taken else None} for one in backups], indent=2)


def _age(one: Backup, now: datetime) -> str:
    hours = int((now - one.taken).total_seconds() // 3600) if one.taken else 0
    return "" if not one.taken else f"{hours} h" if hours < 48 else f"{hours // 24} days"
