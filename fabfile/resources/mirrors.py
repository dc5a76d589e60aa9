"""Where containerd asks first for the images of a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from . import parts
from .base import Change, Resource
from .directory import Absent
from .file import File

MARK = "# Rendered from configs/network.yaml"  # how each of Coop's begins


@dataclass(frozen=True)
class RegistryMirrors(Resource):
    """hosts.toml of these registries, in containerd's format. One of Coop's for another registry is removed. containerd
    reads them at every pull."""

    folder: str
    hosts: Mapping[str, str]  # registry → content

    @property
    def name(self) -> str:
        return f"registry mirrors {self.folder}"

    def files(self) -> list[File]:
        return [File(f"{self.folder}/{registry}/hosts.toml", content) for registry, content in self.hosts.items()]

    def probe(self) -> str:
        ours = (f"for f in {quote(self.folder)}/*/hosts.toml; do\n"
                f"[ ! -f \"$f\" ] || ! head -n 1 -- \"$f\" | grep -q '^{MARK}' || echo \"$f\"; done")
        return parts.probe(ours, *(file.probe() for file in self.files()))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        files = self.files()
        ours, *found = parts.facts(facts, 1 + len(files))
        wanted = {file.path for file in files}
        for path in ours.splitlines():
            if path not in wanted:
                yield from Absent(path).changes("present", altered)
        yield from parts.changes(files, found, altered)
