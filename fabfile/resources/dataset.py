"""A file system of a ZFS pool, with its properties and the owner of its top folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Command, Resource

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTPE]?)(?:i?B)?", re.IGNORECASE)
_NEW_DATA = ("compression", "recordsize", "checksum", "copies", "dnodesize", "special_small_blocks", "xattr")


@dataclass(frozen=True)
class ZfsDataset(Resource):
    """POOL/DATASET, mounted at /POOL/DATASET. One that is there too many is nobody's: it is never destroyed. `owner` is
    "1000:100", or "" for whoever owns it."""

    dataset: str
    properties: Mapping[str, str]
    owner: str = ""

    @property
    def name(self) -> str:
        return f"dataset {self.dataset}"

    def probe(self) -> str:
        keys = ",".join(["mounted", "mountpoint", *self.properties])
        return (f"zfs get -Hp -o property,value {quote(keys)} {quote(self.dataset)} 2>/dev/null || echo absent\n"
                f"stat -c 'owner\t%u:%g' {quote('/' + self.dataset)} 2>/dev/null || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = dict(line.split("\t", 1) for line in facts.splitlines() if "\t" in line)
        here, place = quote(self.dataset), quote(f"/{self.dataset}")
        owned = f"\nmountpoint -q {place}\nchown {quote(self.owner)} {place}" if self.owner else ""
        if "mounted" not in found:
            options = "".join(f" -o {quote(f'{key}={value}')}" for key, value in self.properties.items())
            yield Change(f"dataset {self.dataset} is not there",
                         (Command(f"zfs list {here} >/dev/null 2>&1 || zfs create -p{options} {here}{owned}",
                                  shown=f"zfs create{options} {self.dataset}"),))
            return
        for key, value in self.properties.items():
            if not same(found.get(key, ""), value):
                later = "; what is there stays as it is" if key in _NEW_DATA else ""
                yield Change(f"{key} of {self.dataset} is {found.get(key)}, should be {value}{later}",
                             (Command(f"zfs set {quote(f'{key}={value}')} {here}"),))
        if found["mounted"] != "yes":
            yield Change(f"{self.dataset} is not mounted", (Command(f"zfs mount {here}{owned}", shown=f"zfs mount {self.dataset}"),))
        elif self.owner and found.get("owner") != self.owner:
            yield Change(f"/{self.dataset} belongs to {found.get('owner')}, should belong to {self.owner}",
                         (Command(owned.strip("\n"), shown=f"chown {self.owner} /{self.dataset}"),))


def same(found: str, wanted: str) -> bool:
    """Whether a value of `zfs get -p` is what a person wrote: 131072 is 128K."""
    if found == wanted or {found, wanted} <= {"none", "0"}:
        return True
    size = _SIZE.fullmatch(wanted)
    if size is None or not found.isdigit():
        return False
    return int(found) == int(float(size[1]) * 1024 ** (" KMGTPE".index(size[2].upper() or " ")))
