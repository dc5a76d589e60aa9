"""What is wanted only where another program is installed: how that program is told to leave something alone."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Change, Command, Resource


@dataclass(frozen=True)
class IfThere(Resource):
    """A resource that is wanted only where `path` is: the program that has it is installed."""

    path: str
    resource: Resource

    @property
    def name(self) -> str:
        return self.resource.name

    def probe(self) -> str:
        return f"if [ -e {quote(self.path)} ]; then echo there\n{self.resource.probe()}\nfi"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        head, _, rest = facts.partition("\n")
        if head == "there":
            yield from self.resource.changes(rest, altered)


@dataclass(frozen=True)
class FirstLine(Resource):
    """A line that a file has, put at its top where it lacks it: for a program whose settings have no folder to add files to."""

    path: str
    line: str

    @property
    def name(self) -> str:
        return f"line in {self.path}"

    def probe(self) -> str:
        return f"if grep -qsxF -e {quote(self.line)} -- {quote(self.path)}; then echo there; else echo lacking; fi"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() != "lacking":
            return
        rest = f"if [ -e {quote(self.path)} ]; then cat -- {quote(self.path)}; fi"
        script = writing.put(self.path, f"{{ printf '%s\\n' {quote(self.line)}; {rest}; }}")
        yield Change(f"{self.path} lacks the line {self.line!r}", (Command(script, shown=f"put it at the top of {self.path}"),),
                     alters=frozenset({f"file:{self.path}"}))
