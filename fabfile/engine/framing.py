"""The protocol of a root shell: commands and their answers in one stream. Pure functions, no machine needed.

To the machine goes shell text: a prologue once, then a line for each command. Back comes whatever the command
prints, and behind it a mark: a newline, a word that nobody can guess, and on the same line

    NUMBER CODE BEGAN ENDED [late]    the command with this number ended; times in seconds of the machine's uptime
    + TEXT                            it still runs, and last said this

The machine's uptime is read by the shell itself (no fork), does not jump with the clock, and leaves the way
there and back out of the command's time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from shlex import quote

from fabfile.programs import shell


@dataclass(frozen=True)
class Answer:
    """The result of one command."""

    number: int
    code: int
    seconds: float
    output: str = field(repr=False)  # a borrowed secret may be all of it
    late: bool = False  # it took longer than its limit: no command behind it was run


@dataclass(frozen=True)
class Beat:
    """A running command is alive; `text` is its last line of output."""

    text: str


def prologue(mark: str) -> str:
    """What a root shell is sent first."""
    return shell("prologue", coop_mark=mark)


def probe(number: int, text: str) -> str:
    """A probe, as one line for the shell."""
    return f"probe {number} {_quoted(text)}\n"


def guard(number: int, text: str) -> str:
    """A condition for all that follows, as one line for the shell: when it fails, the shell ends."""
    return f"guard {number} {_quoted(text)}\n"


def act(number: int, text: str, limit: float) -> str:
    """A command and its limit in seconds, as one line for the shell. After one that failed or was late, the next
    are passed over until `again`."""
    return f"act {number} {ceil(limit)} {_quoted(text)}\n"


def again() -> str:
    """Lets commands run again after one has failed."""
    return "coop_failed=\n"


def _quoted(text: str) -> str:
    if "\0" in text:
        raise ValueError("shell text cannot hold a NUL character")
    return quote(text)


class Frames:
    """Cuts the stream that comes back into answers and beats, however its bytes are split."""

    def __init__(self, mark: str):
        self._mark = re.compile(rb"\n" + mark.encode() + rb" ([^\n]*)\n")
        self._longest = len(mark) + 2
        self._held = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[Answer | Beat]:
        """The answers that are complete now."""
        self._held += data
        while found := self._mark.search(self._held, self._searched):
            output, head = bytes(self._held[:found.start()]), found[1]
            if head.startswith(b"+"):
                del self._held[found.start():found.end()]  # the command's own output goes on where it was
                self._searched = found.start()
                yield Beat(head[1:].decode(errors="replace").strip())
            else:
                del self._held[:found.end()]
                self._searched = 0
                number, code, began, ended, *late = head.split()
                seconds = float(ended) - float(began)
                yield Answer(int(number), int(code), seconds, output.decode(errors="replace"), bool(late))
        # A mark may have come in part: its line begins at the last newline at the earliest.
        last = self._held.rfind(b"\n", self._searched)
        self._searched = last if last >= 0 else len(self._held)

    def rest(self) -> str:
        """What was said after the last mark, for the error when no other comes."""
        return bytes(self._held).decode(errors="replace").strip()
