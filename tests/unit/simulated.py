"""Machines that are functions: what a run asks of a shell goes to one, and what it returns comes back in
frames.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

from fabfile.engine.errors import LinkLost, NoAnswer
from fabfile.rack.conflicts import UNDECIDED, Conflicts

Machine = Callable[[str, str], tuple[int, str]]  # ("probe" or "act", text) → exit code, output

_LINE = re.compile(r"^(?:(probe|guard) (\d+)|(act) (\d+) \d+) ", re.MULTILINE)


class FunctionShell:
    """A shell's transport whose other side is a function."""

    def __init__(self, machine: Machine):
        self.machine, self.mark = machine, ""
        self.written: list[str] = []
        self._failed = self._ended = False
        self._said = b""

    def write(self, data: bytes) -> None:
        text = data.decode()
        self.written.append(text)
        if found := re.search(r"coop_mark=(\S+)\n", text):
            self.mark = found[1]
        self._failed = self._failed and "\ncoop_failed=\n" not in "\n" + text
        self._said += "".join(self._answers(text)).encode()

    def read(self, timeout: float) -> bytes:
        if not self._said:
            raise LinkLost("simulated", "nothing more was asked")
        said, self._said = self._said, b""
        return said

    def alive(self) -> bool:
        return not self._ended

    def close(self) -> None:
        pass

    def _answers(self, text: str) -> Iterator[str]:
        starts = list(_LINE.finditer(text))
        for found, after in zip(starts, [*starts[1:], None], strict=True):
            verb, number = found[1] or found[3], found[2] or found[4]
            command = _unquoted(text[found.end():after.start() if after else None])
            if verb == "act" and self._failed:
                continue
            code, output = self.machine(verb, command)
            self._failed = verb == "act" and code != 0
            yield f"{output}\n{self.mark} {number} {code} 1.00 1.25\n"
            if verb == "guard" and code:
                self._ended = True
                return


def _unquoted(text: str) -> str:
    """What shlex.quote was given; shlex.split would do, letter by letter."""
    (command,) = shlex.split(text) if "'" not in text else [text.strip("\n")[1:-1].replace("'\"'\"'", "'")]
    return command


class Ways:
    """Ways to simulated machines: a function for each name; a name that has none gives no answer."""

    def __init__(self, machines: dict[str, Machine]):
        self.machines = machines
        self.shells: dict[str, list[FunctionShell]] = {}

    def shell(self, machine, *, fresh: bool = False) -> FunctionShell:
        if machine.name not in self.machines:
            raise NoAnswer(machine.name, "no answer")
        shell = FunctionShell(self.machines[machine.name])
        self.shells.setdefault(machine.name, []).append(shell)
        return shell

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Rack:
    """As much of a rack as the engine asks for."""

    machines: dict[str, SimpleNamespace]
    name: str = "simulated"
    operators: Mapping[str, object] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    conflicts: Conflicts = UNDECIDED

    @property
    def gateway(self) -> SimpleNamespace:
        return next(iter(self.machines.values()))

    def machine(self, name: str) -> SimpleNamespace:
        return self.machines[name]


def rack(*names: str) -> Rack:
    """The first machine is the gateway."""
    return Rack({name: SimpleNamespace(name=name, expected_off=False) for name in names})
