"""What listens on a machine: the sockets that ss prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LISTING = "ss -Hlntup 2>/dev/null || :"


@dataclass(frozen=True)
class Socket:
    """Where something listens; `address` is "" for all of the machine's. `users`: name and number of each process that has it."""

    address: str
    port: str  # "9100/tcp"
    users: tuple[tuple[str, str], ...] = ()

    @property
    def program(self) -> str:
        return self.users[0][0] if self.users else ""


def listening(listing: str) -> Iterator[Socket]:
    """The TCP and UDP sockets of a listing."""
    for line in listing.split("\n"):
        words = line.split()
        if len(words) < 5 or words[0] not in ("tcp", "udp"):
            continue
        address, _, number = words[4].rpartition(":")
        address = address.strip("[]").partition("%")[0]
        yield Socket("" if address in ("*", "0.0.0.0", "::") else address, f"{number}/{words[0]}",
                     tuple(re.findall(r'\("([^"]*)",pid=(\d+)', line)))
