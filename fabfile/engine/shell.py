"""One root shell on one machine: commands in, answers out as they arrive."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Protocol

from fabfile.engine import framing
from fabfile.engine.errors import CoopError, LinkLost, NoShell, TookTooLong
from fabfile.engine.framing import Answer, Beat
from fabfile.secret import mask

FIRST = 20.0  # seconds until a new shell has run its first line: a login program that only asks back never does
GRACE = 15.0  # seconds beyond a command's own limit: what a slow line may add before the answer is here


class Transport(Protocol):
    """The byte stream to a shell: an SSH channel, a local process, a function in a simulation."""

    def write(self, data: bytes) -> None:
        """Sends all of it. Raises LinkLost."""

    def read(self, timeout: float) -> bytes:
        """Some bytes as soon as there are any. Raises TimeoutError, and LinkLost when no more can come."""

    def alive(self) -> bool:
        """False once it is known to be closed."""

    def close(self) -> None:
        """Ends the shell."""


@dataclass(frozen=True)
class ShellCommand:
    """A command for a shell."""

    text: str = field(repr=False)
    limit: float = 60.0  # seconds
    shown: str = ""  # what a person is shown in its place


@dataclass(frozen=True)
class Guard:
    """A precondition for everything that is sent after it, such as a lock.

    `setup` is shell text for the shell itself, `line` the condition. When it fails, the machine's shell ends
    there, and `refused` makes the error that is raised here; `held` hears of its answer when it holds.
    """

    setup: str
    line: ShellCommand
    refused: Callable[[Answer], CoopError]
    held: Callable[[Answer], None] = lambda answer: None


class Shell:
    """A root shell on one machine. Not thread-safe: threads that share a machine take turns (see Fleet)."""

    def __init__(self, machine: str, transport: Transport, heard: Callable[[str], None] = lambda text: None):
        self.machine = machine
        self.heard = heard  # told what a command of an earlier run says, while it is waited for
        self.writes = 0  # round trips
        self._transport = transport
        mark = f"coop-{token_hex(8)}"
        self._frames = framing.Frames(mark)
        self._unsent = framing.prologue(mark)
        self._guards: list[Guard] = []
        self._ended = False  # by a guard
        self._arrived: deque[Answer | Beat] = deque()
        self._number = 0
        self._runs = False  # it has answered to the prologue

    def probe(self, probes: Sequence[ShellCommand]) -> Iterator[Answer]:
        """Runs every probe, in one write, and yields each one's answer when it is there."""
        return self._exchange(probes, lambda number, line: framing.probe(number, line.text))

    def act(self, commands: Sequence[ShellCommand],
            heard: Callable[[str], None] = lambda text: None) -> Iterator[Answer]:
        """Runs commands, in one write, until one fails. `heard` is told what a long one says meanwhile.

        Raises TookTooLong for one that took longer than its limit, also when it ended after all.
        """
        self._unsent += framing.again()
        return self._exchange(commands, lambda number, line: framing.act(number, line.text, line.limit), heard,
                              commands_follow=True)

    def guard(self, guard: Guard) -> None:
        """Sends this before the next commands, in the same write: none of them is run unless the guard passes."""
        self._guards.append(guard)

    def ask(self, text: str, limit: float = 60.0, shown: str = "") -> Answer:
        """Runs one command and waits for its answer, whatever its exit code."""
        return next(self.act([ShellCommand(text, limit, shown)]))

    def alive(self) -> bool:
        """False once it is known to be closed."""
        return not self._ended and self._transport.alive()

    def close(self) -> None:
        """Ends the shell; what it runs at this moment may end by itself."""
        self._transport.close()

    def _exchange(self, lines: Sequence[ShellCommand], frame: Callable[[int, ShellCommand], str],
                  heard: Callable[[str], None] = lambda text: None,
                  commands_follow: bool = False) -> Iterator[Answer]:
        if not lines:
            return
        guards = [(self._count(), guard) for guard in self._guards]
        asked = [(self._count(), line) for line in lines]
        text = [self._unsent,
                *(guard.setup + framing.guard(number, guard.line.text) for number, guard in guards),
                *(frame(number, line) for number, line in asked)]
        self._unsent, self._guards = "", []
        self.writes += 1
        try:
            self._transport.write("".join(text).encode())
        except LinkLost as lost:
            lost.command = lost.command or _shown(lines[0])
            raise
        if not self._runs:
            self._await_prologue(lines[0])
        for number, guard in guards:
            answer = self._next(number, guard.line, self.heard)
            if answer.code:
                self._ended = True
                raise guard.refused(answer)
            guard.held(answer)
        for number, line in asked:
            answer = self._next(number, line, heard)
            if answer.late:
                raise self._late(line, f"took {answer.seconds:.0f} s, longer than its limit of {line.limit:.0f} s; "
                                 "the commands after it were not run")
            yield answer
            if commands_follow and answer.code:
                return

    def _await_prologue(self, line: ShellCommand) -> None:
        """Waits until the shell has run anything at all. Raises NoShell."""
        deadline = time.monotonic() + FIRST
        while not self._arrived:
            try:
                self._arrived.extend(self._frames.feed(self._transport.read(max(0.0, deadline - time.monotonic()))))
            except TimeoutError:
                said = [*filter(None, map(str.strip, mask(self._frames.rest()).splitlines()))]
                raise NoShell(self.machine, (f"it said: {said[0][:200]}, and runs no command" if said else
                                             f"it let us in, and ran no command within {FIRST:.0f} s"),
                              command=_shown(line), tail=said[:10],  # behind it may come an echo of what it was sent

                              hint="does its login shell, or .bashrc, .profile or ForceCommand there, start another program? "
                                   "Such a line belongs behind: case $- in *i*)") from None
            except LinkLost as lost:
                lost.command = lost.command or _shown(line)
                raise
        self._runs = True

    def _count(self) -> int:
        self._number += 1
        return self._number

    def _next(self, number: int, line: ShellCommand, heard: Callable[[str], None]) -> Answer:
        deadline = time.monotonic() + line.limit + GRACE
        while True:
            while self._arrived:
                found = self._arrived.popleft()
                if isinstance(found, Beat):
                    heard(found.text)
                elif found.number == number:
                    return found  # an earlier number: nobody waited for that answer any more
            try:
                data = self._transport.read(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise self._late(line, f"took longer than its limit of {line.limit:.0f} s and may still run; "
                                 "the commands after it will not be run") from None
            except LinkLost as lost:
                lost.command = lost.command or _shown(line)
                lost.tail = lost.tail or self._last()
                raise
            self._arrived.extend(self._frames.feed(data))

    def _late(self, line: ShellCommand, problem: str) -> TookTooLong:
        return TookTooLong(self.machine, f"`{_shown(line)}` {problem}", command=_shown(line), tail=self._last(),
                           hint="check on the machine what it waits for, then run again")

    def _last(self) -> tuple[str, ...]:
        return tuple(mask(self._frames.rest()).splitlines()[-10:])


def _shown(line: ShellCommand) -> str:
    return line.shown or first_line(line.text)


def first_line(text: str) -> str:
    """What a person is shown of a command: its first line that does something, at most 160 characters,
    secrets masked."""
    lines = (line.strip() for line in mask(text).splitlines())
    line = next((line for line in lines if line and not line.startswith(("#", "set -"))), "")
    return line if len(line) <= 160 else line[:159] + "…"
