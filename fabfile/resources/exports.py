"""What a file server exports by NFS: its file, and what the kernel was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from . import parts
from .base import Change, Command, Resource
from .file import File

PATH = "/etc/exports.d/coop.exports"


@dataclass(frozen=True)
class Exports(Resource):
    """Folders that these clients may mount: path → client's address → options. `names` are the clients' machines."""

    exports: Mapping[str, Mapping[str, str]]
    names: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"exports {PATH}"

    def file(self) -> File:
        lines = (f"{path} " + " ".join(f"{address}({options})" for address, options in clients.items())
                 for path, clients in self.exports.items())
        return File(PATH, "# Rendered from configs/storage.yaml\n" + "".join(f"{line}\n" for line in lines))

    def probe(self) -> str:
        live = ("exportfs -s 2>/dev/null | sed -n 's/^\\(\\/[^ ]*\\) *\\([^ (]*\\)(.*/export \\1 \\2/p'\n"
                "sed -n 's/^address: \"\\(.*\\):[0-9]*\"$/client \\1/p' /proc/fs/nfsd/clients/*/info 2>/dev/null || :")
        return parts.probe(live, self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept = parts.facts(facts, 2)
        words = [line.split() for line in live.splitlines()]
        exported = {(one[1], one[2]) for one in words if one[:1] == ["export"] and len(one) == 3}
        mounted = {one[1] for one in words if one[:1] == ["client"]}
        wanted = {(path, address) for path, clients in self.exports.items() for address in clients}
        lost = sorted({address for path, address in exported - wanted if address in mounted})
        cut = ", ".join(self.names.get(address, address) for address in lost)
        interrupts = f"{cut} {'have' if len(lost) > 1 else 'has'} a folder mounted that would not be exported to it any more" * bool(lost)
        tell = Command("exportfs -ra")
        for change in self.file().changes(kept, altered):
            content = bool(change.alters)
            yield replace(change, commands=(*change.commands, *([tell] if content else [])), interrupts=interrupts if content else "")
            if content:
                return
        ours = {(path, address) for path, address in exported if path in self.exports}
        if ours != wanted:
            pairs = {"not exported": wanted - ours, "exported beside": ours - wanted}
            told = (f"{what}: {', '.join(f'{path} to {address}' for path, address in sorted(which))}"
                    for what, which in pairs.items() if which)
            yield Change("; ".join(told), (tell,), interrupts=interrupts)
