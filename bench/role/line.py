"""One line of a file that others edit too."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.resources import writing
from fabfile.resources.base import Change, Command, Resource


@dataclass(frozen=True)
class FileLine(Resource):
    """This very line is in the file; else it is put at the end. Owner and mode stay as they are."""

    path: str
    line: str

    @property
    def name(self) -> str:
        return f"line of {self.path}"

    def probe(self) -> str:
        look = f"grep -qsxF -e {quote(self.line)} -- {quote(self.path)}"
        return f"if {look}; then echo there; else echo absent; fi"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() == "there":
            return
        here, new = quote(self.path), quote(writing.beside(self.path))
        script = "\n".join([
            writing.folder(self.path),
            f"trap 'rm -f -- '{quote(new)} EXIT",
            f"if [ -e {here} ]; then cp -aL --remove-destination -- {here} {new}; else : >{new}; fi",
            f'[ -z "$(tail -c 1 -- {new})" ] || echo >>{new}',
            f"printf '%s\\n' {quote(self.line)} >>{new}",
            f"sync -- {new}",
            writing.keep(self.path),
            writing.move(self.path),
        ])
        yield Change(f"{self.path} lacks the line {self.line}",
                     (Command(script, shown=f"add it to {self.path}"),),
                     alters=frozenset({f"file:{self.path}"}))
