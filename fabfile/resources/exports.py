"""What a file server exports by NFS: its file, and what the kernel was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from . import parts
from .base import Change, Command, Resource, conflict
from .file import File
from .others import commented, numbered

PATH, OF_ZFS = "/etc/exports.d/coop.exports", "/etc/exports.d/zfs.exports"


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
        live = ("exportfs -s 2>/dev/null | sed -n 's/^\\(\\/[^ ]*\\) *\\([^ (]*\\)(\\(.*\\))$/export \\1 \\2 \\3/p'\n"
                "sed -n 's/^address: \"\\(.*\\):[0-9]*\"$/client \\1/p' /proc/fs/nfsd/clients/*/info 2>/dev/null || :")
        others = f"grep -Hns '^[[:space:]]*[\"/]' /etc/exports /etc/exports.d/*.exports | grep -v '^{PATH}:' || :"
        return parts.probe(live, others, self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, others, kept = parts.facts(facts, 3)
        words = [line.split() for line in live.splitlines()]
        told = {(one[1], one[2]): one[3] for one in words if one[:1] == ["export"] and len(one) == 4}
        mounted = {one[1] for one in words if one[:1] == ["client"]}
        wanted = {(path, address): options for path, clients in self.exports.items() for address, options in clients.items()}
        yield from self._of_others(others, told, self._named(sorted(mounted)))
        cut = sorted({address for path, address in told.keys() - wanted.keys() if address in mounted})
        interrupts = f"{self._named(cut)} {'have' if len(cut) > 1 else 'has'} a folder mounted that would not be exported to it any more" \
            if cut else ""
        tell = Command("exportfs -ra")
        for change in self.file().changes(kept, altered):
            content = bool(change.alters)
            yield replace(change, commands=(*change.commands, *([tell] if content else [])), interrupts=interrupts if content else "")
            if content:
                return
        ours = {one for one in told if one[0] in self.exports}
        pairs = {"not exported": wanted.keys() - ours, "exported beside": ours - wanted.keys(),
                 "exported with other options": {one for one in ours & wanted.keys() if _options(told[one]) != _options(wanted[one])}}
        if any(pairs.values()):
            yield Change("; ".join(f"{what}: {', '.join(f'{path} to {address}' for path, address in sorted(which))}"
                                   for what, which in pairs.items() if which), (tell,), interrupts=interrupts)

    def _named(self, addresses: list[str]) -> str:
        return ", ".join(self.names.get(address, address) for address in addresses)

    def _of_others(self, facts: str, told: Mapping[tuple[str, str], str], clients: str) -> Iterator[Change]:
        """What is exported by no line of this file: of an old server, of ZFS itself, or by hand. Who may mount what stands in one place."""
        lines: dict[str, dict[int, str]] = {}
        for file, number, text in numbered(facts):
            lines.setdefault(file, {})[number] = text
        paths = {file: [text.split()[0].strip('"') for text in of.values()] for file, of in lines.items()}
        pools = {path.split("/")[1] for path in self.exports}
        cut = f"what {clients} may have mounted of it is not served any more" if clients else ""
        for file, of in lines.items():
            if file == OF_ZFS:
                if strange := [path for path in paths[file] if path.split("/")[1] not in pools]:  # what ZfsPool does not look at
                    yield conflict(file, f"ZFS exports {', '.join(strange)} by itself, and configs/storage.yaml does not: "
                                   "zfs set sharenfs=off for the dataset there")
                continue
            by_hand = any(text.endswith("\\") for text in of.values())
            yield replace(conflict(
                file, f"{file}:{','.join(map(str, of))} exports {', '.join(paths[file])}, and Coop exports by configs/storage.yaml alone: "
                "take out the line, then exportfs -ra", None if by_hand else commented(file, of, "exportfs -ra"),
                keepable=not self.exports.keys() & paths[file]), interrupts=cut)
        named = {*self.exports, *(path for of in paths.values() for path in of)}
        for path in sorted({path for path, _ in told} - named):
            yield replace(conflict(path, f"{path} is exported by no file, so somebody did it by hand: exportfs -ra takes it away",
                                   Command("exportfs -ra"), keepable=False), interrupts=cut)


def _options(text: str) -> frozenset[str]:
    """Of what is written, or of what `exportfs -s` says, which adds defaults: those that tell whether the two are the same."""
    given = frozenset(text.split(","))
    numbers = {one for one in given if one.startswith(("anonuid=", "anongid=", "fsid=")) and not one.endswith("id=65534")}
    return frozenset({*numbers, *given & {"ro", "no_acl", "all_squash", "async"}, *(["mp"] if given & {"mp", "mountpoint"} else [])})
