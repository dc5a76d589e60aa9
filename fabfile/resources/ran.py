"""A command, run until what it makes is there."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Change, Command, Resource


@dataclass(frozen=True)
class Ran(Resource):
    """A command that is run when `makes` is not there.

    A {} in the script is a path beside `makes`, moved there when the script has ended well, so that a
    half-made thing is never taken for the whole; without {} the script makes it itself.
    """

    what: str
    script: str
    makes: str
    long: bool = False
    limit: float = 60.0

    @property
    def name(self) -> str:
        return f"{self.what} ({self.makes})"

    def probe(self) -> str:
        here = quote(self.makes)
        return f"if [ -e {here} ] || [ -L {here} ]; then echo made; else echo absent; fi"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() == "made":
            return
        script = self.script
        if "{}" in script:
            new = quote(writing.beside(self.makes))
            script = "\n".join([writing.folder(self.makes), f"rm -rf -- {new}", script.replace("{}", new), f"sync -- {new}",
                                writing.move(self.makes)])
        not_made = quote(f"{self.makes} was not made")
        missing = f"[ -e {quote(self.makes)} ] || {{ echo {not_made} >&2; exit 1; }}"
        yield Change(f"{self.makes} is absent: {self.what}",
                     (Command(f"{script}\n{missing}", self.long, self.limit, shown=self.script),),
                     alters=frozenset({f"file:{self.makes}"}))
