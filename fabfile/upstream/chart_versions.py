"""Which versions of Kubernetes a chart names: the constraint `kubeVersion` of its Chart.yaml, as Helm reads it."""

from __future__ import annotations

import re

from fabfile.rack.versions import numbers

_PART = re.compile(r"(>=|<=|!=|=>|=<|=|>|<|\^|~)?\s*v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+][0-9A-Za-z.+-]*)?")


def allows(constraint: str, version: str) -> bool:
    """Whether this version ("1.37.2") is one that the constraint (">=1.28.0-0 <1.38.0-0 || 2.x") names. What cannot be
    read allows nothing."""
    return any(_all_of(part, numbers(version)) for part in constraint.split("||"))


def _all_of(text: str, version: tuple[int, ...]) -> bool:
    text = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", text.strip())
    if text in ("", "*"):
        return True
    position = 0
    while position < len(text):
        if text[position] in " ,":
            position += 1
            continue
        found = _PART.match(text, position)
        if not found or not _holds(found[1] or "=", [found[2], found[3], found[4]], version):
            return False
        position = found.end()
    return True


def _holds(operator: str, written: list[str | None], version: tuple[int, ...]) -> bool:
    known = [int(number) for number in written if number and number.isdecimal()]
    named = (*known, 0, 0)[:3]
    same = version[:len(known)] == tuple(known)
    match operator:
        case ">=" | "=>":
            return version >= named
        case ">":
            return version > named and not (same and len(known) < 3)
        case "<":
            return version < named
        case "<=" | "=<":
            return version <= named or same
        case "!=":
            return not same
        case "^":
            return version >= named and version[0] == named[0]
        case "~":
            return version >= named and version[:max(1, min(2, len(known)))] == tuple(known)[:2]
        case _:
            return same
