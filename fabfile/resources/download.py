"""Files from the internet, downloaded by the machine itself."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Change, Command, Resource
from .file import FileFacts, permission_changes, probe_file


@dataclass(frozen=True)
class Download(Resource):
    """The file that lies at `url`, by curl, if it is the one with this sha256."""

    url: str
    sha256: str
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644

    @property
    def name(self) -> str:
        return f"download {self.path}"

    def probe(self) -> str:
        return probe_file(self.path, show=False)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        if found.sha256 == self.sha256:
            yield from permission_changes(self.path, found, self.owner, self.group, self.mode)
            return
        what = (f"{self.path} is not what {self.url} is to hold" if found.kind == "file"
                else f"{self.path} is {found.kind}")
        fetch = ("curl -fsSL --retry 5 --retry-connrefused --connect-timeout 20 --max-time 540 -- "
                 + quote(self.url))
        other = quote(f"{self.url} has other content: sha256")
        check = (f"[ \"$(sha256sum <{{}})\" = '{self.sha256}  -' ] || "
                 f"{{ echo {other} \"$(sha256sum <{{}})\" >&2; exit 1; }}")
        script = writing.put(self.path, fetch, owner=self.owner, group=self.group, mode=self.mode,
                             check=check)
        yield Change(what, (Command(script, long=True, limit=600.0, shown=f"fetch {self.url}"),),
                     alters=frozenset({f"file:{self.path}"}))
