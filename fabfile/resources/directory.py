"""Directories, links, and paths that must not exist."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Change, Command, Resource
from .file import FileFacts, permission_changes


@dataclass(frozen=True)
class Directory(Resource):
    """A directory; missing parents are made (root, 0755)."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755

    @property
    def name(self) -> str:
        return f"directory {self.path}"

    def probe(self) -> str:
        here = quote(self.path)
        return (
            f"if [ -d {here} ]; then stat -L -c 'folder %a %U %u %G %g' -- {here}\n"
            f"elif [ -e {here} ] || [ -L {here} ]; then echo 'no directory'; else echo absent; fi"
        )

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        if found.kind == "a directory":
            yield from permission_changes(self.path, found, self.owner, self.group, self.mode)
            return
        here = quote(self.path)
        script = (f"umask 022; mkdir -p -- {here}\nchown {quote(f'{self.owner}:{self.group}')} -- {here}\n"
                  f"chmod {self.mode:04o} -- {here}")
        shown = f"mkdir {self.path} ({self.owner}:{self.group}, mode {self.mode:04o})"
        yield Change(f"{self.path} is {found.kind}", (Command(script, shown=shown),),
                     alters=frozenset({f"file:{self.path}"}))


@dataclass(frozen=True)
class Symlink(Resource):
    """A symbolic link."""

    path: str
    target: str

    @property
    def name(self) -> str:
        return f"link {self.path}"

    def probe(self) -> str:
        here = quote(self.path)
        # the slash: a target may end with newlines, which the shell would drop; no echo: it reads backslashes
        return (f'if [ -L {here} ]; then printf "a link to %s\\n" "$(readlink -n -- {here}; echo /)"\n'
                f"elif [ -e {here} ]; then echo 'no link'; else echo absent; fi")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = facts.rstrip("\n").removesuffix("/")
        if found == f"a link to {self.target}":
            return
        new = quote(writing.beside(self.path))
        script = (f"{writing.folder(self.path)}\n{writing.keep(self.path)}\n"
                  f"ln -sfnT -- {quote(self.target)} {new}\n{writing.move(self.path)}")
        yield Change(f"{self.path} is {found}, should be a link to {self.target}",
                     (Command(script, shown=f"ln -s {self.target} {self.path}"),),
                     alters=frozenset({f"file:{self.path}"}))


@dataclass(frozen=True)
class Absent(Resource):
    """A file, link or empty directory that must not be there; a copy of it is kept."""

    path: str

    @property
    def name(self) -> str:
        return f"no {self.path}"

    def probe(self) -> str:
        here = quote(self.path)
        return f"if [ -e {here} ] || [ -L {here} ]; then echo present; else echo absent; fi"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() != "present":
            return
        here = quote(self.path)
        script = (f"if [ -d {here} ] && ! [ -L {here} ]; then rmdir -- {here}\n"
                  f"else {writing.keep(self.path)}\nrm -f -- {here}; fi")
        yield Change(f"{self.path} is there, should not be", (Command(script, shown=f"rm {self.path}"),),
                     alters=frozenset({f"file:{self.path}"}))
