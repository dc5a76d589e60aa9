"""What the guard of an order says of a machine's disks, before the order is claimed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DISK = re.compile(r"disk (\S+) size=(\d+) serial=(.*?) holds=(.*?) ids=(.*)")


@dataclass(frozen=True)
class Held:
    """One disk, and what lies on it in blkid's words."""

    name: str
    size: str
    serial: str
    holds: str
    ids: str  # its names under /dev/disk/by-id


def disks(report: str) -> list[Held]:
    """All of them."""
    return [Held(*found.groups()) for line in report.splitlines() if (found := _DISK.fullmatch(line))]
