"""Shells that are watched: every command that a run sends has a name, and at one of them the run stands still.

A run takes its shells from `Ways`; `Watched` are the real ones with a watch before each. A command is known by
its machine and its text, so that it is the same in every run, whatever else the other machines do meanwhile.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TextIO

from fabfile.engine.framing import Answer, Frames
from fabfile.engine.shell import Transport, first_line
from fabfile.engine.ways import Ways
from fabfile.secret import mask

FRAME = re.compile(rb"""^(probe|guard|act) (\d+) (?:\d+ )?((?:'[^']*'|"'"|[\w@%+=:,./-])+)\n""", re.MULTILINE)
MARK = re.compile(rb"coop_mark=(coop-[0-9a-f]+)\n")
PASSING = re.compile(r'\d{8}-\d{6}-[0-9a-f]{4}|"(?:pid|since)": "[^"]*"')  # differs between two runs of the same
MOMENTS = ("before", "during", "after")


@dataclass(frozen=True)
class Sent:
    """A command that a run sends: the `nth` of this text to this machine. `shown` is for a person."""

    machine: str
    verb: str  # "probe", "guard" or "act"
    digest: str
    nth: int
    shown: str = ""

    def is_same(self, other: Sent) -> bool:
        return (self.machine, self.verb, self.digest, self.nth) == (other.machine, other.verb, other.digest, other.nth)


@dataclass(frozen=True)
class Point:
    """Where a run stands still: before a command, during it (after so many seconds of it), or after it."""

    at: Sent
    moment: str
    seconds: float = 0.0


class Watch:
    """What the shells of one run share. `stand` is called once, at the point, and returns when the run may go on."""

    def __init__(self, record: TextIO, point: Point | None, stand: Callable[[], None]):
        self.point, self._record, self._stand = point, record, stand
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._writing = threading.Lock()

    def count(self, machine: str, verb: str, text: str) -> Sent:
        digest = sha256(PASSING.sub("", mask(text)).encode()).hexdigest()[:12]
        self._counts[machine, verb, digest] += 1
        return Sent(machine, verb, digest, self._counts[machine, verb, digest], shown(text))

    def note(self, sent: Sent, **more: object) -> None:
        """A killed run leaves all that it sent and was answered."""
        with self._writing:
            self._record.write(json.dumps(asdict(sent) | more) + "\n")
            self._record.flush()

    def stand(self) -> None:
        self.point = None
        self._stand()


class WatchedTransport:
    """A shell's transport with a watch before it."""

    def __init__(self, machine: str, inner: Transport, watch: Watch):
        self._machine, self._inner, self._watch = machine, inner, watch
        self._frames: Frames | None = None
        self._asked: dict[int, Sent] = {}  # what is not answered yet
        self._just_looked: set[str] = set()
        self._tail: bytes | None = None  # what is written once the point has been passed
        self._point: Point | None = None
        self._number = 0  # of the command of the point
        self._held = b""

    def write(self, data: bytes) -> None:
        if found := MARK.search(data):
            self._frames = Frames(found[1].decode())
        here = len(data)
        self._asked.clear()  # what was passed over after a failure is never answered
        for found in FRAME.finditer(data):
            sent = self._sent(found[1].decode(), int(found[2]), found[3].decode())
            point = self._watch.point
            if sent and point and point.at.is_same(sent):
                self._point, self._number = point, int(found[2])
                here = {"before": found.start(), "during": len(data), "after": found.end()}[point.moment]
        self._inner.write(data[:here])
        self._tail = data[here:] if self._point else None

    def read(self, timeout: float) -> bytes:
        if self._held:
            data, self._held = self._held, b""
            return data
        if self._point and self._point.moment != "after" and min(self._asked, default=0) == self._number:
            if self._point.moment == "during":
                time.sleep(self._point.seconds)
            self._pass()
        data = self._inner.read(timeout)
        answered = [each for each in self._frames.feed(data) if isinstance(each, Answer)] if self._frames else []
        for answer in answered:
            if sent := self._asked.pop(answer.number, None):
                self._watch.note(sent, code=answer.code, seconds=answer.seconds)
        if self._point and self._number in [answer.number for answer in answered]:  # "after"
            self._held = data  # known to nobody else yet, and then too late if the line is gone
            self._pass()
            data, self._held = self._held, b""
        return data

    def alive(self) -> bool:
        return self._inner.alive()

    def close(self) -> None:
        self._inner.close()

    def _pass(self) -> None:
        tail, self._tail, self._point = self._tail, None, None
        self._watch.stand()
        if tail:
            self._inner.write(tail)

    def _sent(self, verb: str, number: int, quoted: str) -> Sent | None:
        """None for a question that is only asked again because its answer was not the hoped one."""
        (text,) = shlex.split(quoted)
        digest = sha256(text.encode()).hexdigest()
        again = verb == "probe" and digest in self._just_looked
        self._just_looked = self._just_looked | {digest} if verb == "probe" else set()
        if again:
            return None
        sent = self._asked[number] = self._watch.count(self._machine, verb, text)
        self._watch.note(sent)
        return sent


class Watched:
    """Ways whose shells are watched."""

    def __init__(self, inner: Ways, watch: Watch):
        self._inner, self._watch = inner, watch

    def shell(self, machine, *, fresh: bool = False) -> WatchedTransport:
        return WatchedTransport(machine.name, self._inner.shell(machine, fresh=fresh), self._watch)

    def close(self) -> None:
        self._inner.close()


def shown(text: str) -> str:
    """What a person is shown of a command: of a long one, what its unit says."""
    if found := re.search(r"--description=(?:'Coop: ((?:[^']|'\"'\"')*)'|(\S+))", text):
        return mask((found[1] or found[2]).replace("'\"'\"'", "'"))
    return mask(first_line(text))
