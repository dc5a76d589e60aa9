"""What others set on the machines too, as hosts.yaml decides: taken over, or kept as it is."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BeforeValidator

from fabfile.rack.values import Part, Text, refuse, several


def _nothing_empty(value: object) -> object:
    listed = several(value)
    if isinstance(listed, tuple) and any(one in ("", "*") for one in listed):
        raise refuse("this would take in everything", "name each as the error message does: /etc/apt/sources.list.d/docker.list")
    return listed


Named = Annotated[tuple[Text, ...], BeforeValidator(_nothing_empty)]


class Conflicts(Part):
    """What a conflict is called in its message (a path, `table inet site`) is named in one of these; `*` matches any text."""

    take_over: Named = ()  # Coop changes it: comments lines out, moves a file away
    keep: Named = ()  # it stays, and Coop goes on beside it

    def taken_over(self, called: str) -> bool:
        return any(fnmatchcase(called, pattern) for pattern in self.take_over)

    def kept(self, called: str) -> bool:
        return any(fnmatchcase(called, pattern) for pattern in self.keep)


UNDECIDED = Conflicts()  # hosts.yaml names none
