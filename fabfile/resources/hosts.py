"""Names in /etc/hosts, between two comment lines; the rest of the file is not changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from . import writing
from .base import Change, Command, Resource
from .file import FileFacts, difference, probe_file

_PATH = "/etc/hosts"


@dataclass(frozen=True)
class Hosts(Resource):
    """Addresses and their names, as one block of /etc/hosts: {"10.0.0.1": ("rooster", "kubeapi")}."""

    entries: Mapping[str, tuple[str, ...]]
    block: str = "rack"

    @property
    def name(self) -> str:
        return f"hosts of the {self.block}"

    def probe(self) -> str:
        return probe_file(_PATH)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        old = found.content or ""
        new = self.within(old)
        if new == old:
            return
        data = new.encode()
        guard = writing.unchanged(_PATH, found.sha256, found.faithful) if found.sha256 else ""
        script = writing.put(_PATH, writing.text_of(data), unless=guard)
        yield Change(f"{_PATH} has other names of the {self.block}",
                     (Command(script, shown=f"write the block in {_PATH}"),),
                     diff=difference(_PATH, found.content, data), alters=frozenset({f"file:{_PATH}"}))

    def within(self, text: str) -> str:
        """The text with this block in it: where a previous one was, else at the end."""
        begin, end = f"# begin {self.block}", f"# end {self.block}"
        block = [begin, *(f"{address}\t{' '.join(names)}" for address, names in self.entries.items()), end]
        lines = text.split("\n")
        for last in (number for number, line in enumerate(lines) if line == end):
            if begin in lines[:last]:  # the nearest: a mark that has lost its other half belongs to no block
                first = last - lines[:last][::-1].index(begin) - 1
                return "\n".join([*lines[:first], *block, *lines[last + 1:]])
        return "\n".join([*(text.removesuffix("\n").split("\n") if text else []), *block, ""])
