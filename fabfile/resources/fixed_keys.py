"""Settings that cannot be changed on a running cluster: rejected with file and line, the reason, and the way to change them."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Change, rejection
from .settings import Difference

Refused = Mapping[str, tuple[str, str, str]]  # by key ("" any other): where it stands, why it is fixed, the way


def rejected(one: Difference, place: tuple[str, str, str]) -> Change:
    """The difference told as what is wrong in the rack's files."""
    where, because, way = place
    inner = str(one).split(" ", 1)[1].replace(", should", " on the cluster, should", 1)
    return rejection(f"{where}: {'.'.join(one.path)} {inner}, and cannot be changed there: {because} ({way})")


def fixed_key(one: Difference, fixed: Refused) -> tuple[str, str, str] | None:
    """The entry of the longest beginning of the difference's path."""
    for length in range(len(one.path), 0, -1):
        if found := fixed.get(".".join(one.path[:length])):
            return found
    return None
