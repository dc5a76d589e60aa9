"""A machine that was restarted, and the marks by which a run that goes on knows whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from .api_question import ADMIN
from .base import Change, Command, Resource

# When systemd began: unlike the kernel's boot id, this is a container's own too.
STARTED = "systemctl show --timestamp=us+utc -P UserspaceTimestamp"
MARK = "coop-reboot"  # an annotation of the node: "SECONDS STARTED", when it was asked for and since when it ran then
_LINES = f"{{range .items[*]}}{{.metadata.name}}={{.metadata.annotations.{MARK}}}{{\"\\n\"}}{{end}}"
MARKS = f"{ADMIN} --request-timeout=20s get nodes -o {quote(f'jsonpath={_LINES}')}"  # asked of a control plane


def marks_of(answer: str) -> dict[str, str]:
    """Node → its mark, by the answer to MARKS; empty where it has none."""
    return dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)


@dataclass(frozen=True)
class Rebooted(Resource):
    """A machine that has been started since `before` (what STARTED printed). It may take a quarter of an hour: pods
    are given time to end, and a server's firmware takes minutes."""

    before: str
    node: str
    interrupts: str = ""

    @property
    def name(self) -> str:
        return f"reboot of {self.node}"

    def probe(self) -> str:
        return STARTED

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() == self.before.strip():
            yield Change(f"{self.node} runs since {facts.strip()}, should be rebooted",
                         (Command("systemctl reboot", limit=900.0),), reboots=True,
                         interrupts=self.interrupts or f"{self.node} reboots")


@dataclass(frozen=True)
class RebootMarks(Resource):
    """Every node that is to be rebooted is marked with its start before the first goes down; probed and changed
    on a control plane. `marks` are node → "SECONDS STARTED"; None for all of them: taken away again."""

    lasting: ClassVar[bool] = False
    nodes: tuple[str, ...]
    marks: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        return "reboot annotations of nodes"

    def probe(self) -> str:
        return f"{MARKS} || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = marks_of(facts)
        if self.marks is not None:
            new = {node: mark for node, mark in self.marks.items() if found.get(node) != mark}
            commands = tuple(Command(f"{ADMIN} annotate --overwrite node {quote(node)} {quote(f'{MARK}={mark}')}")
                             for node, mark in new.items())
            if new:
                yield Change(f"to be rebooted: {', '.join(new)}", commands, alters=frozenset({f"mark:{MARK}"}))
        elif not found or f"mark:{MARK}" in altered or any(found.get(node) for node in self.nodes):
            nodes = " ".join(map(quote, self.nodes))
            yield Change(f"rebooted: {', '.join(self.nodes)}", (Command(f"{ADMIN} annotate node {nodes} {MARK}-"),))
