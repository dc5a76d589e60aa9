"""A copy of everything that the cluster stores: a snapshot of etcd, taken and read again on a control plane."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from fabfile.programs import shell

from .base import Change, Command, Resource


@dataclass(frozen=True)
class EtcdSnapshot(Resource):
    """The file `purpose`.db in FOLDER of this control plane, which etcd has written and etcdutl can read.

    One that is there is not taken again where the work that it was taken for has `begun`: it is of the moment before. Until then
    one that is older than a day is of an attempt that was given up.
    """

    purpose: str  # "before-1.37.2"
    begun: bool = False
    FOLDER: ClassVar[str] = "/var/lib/coop/etcd"

    @property
    def name(self) -> str:
        return f"etcd snapshot {self.purpose}"

    @property
    def path(self) -> str:
        return f"{self.FOLDER}/{self.purpose}.db"

    def probe(self) -> str:
        path = quote(self.path)
        return f'if [ ! -s {path} ]; then echo absent; elif [ -n "$(find {path} -mmin +1440)" ]; then echo old; else echo there; fi'

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = facts.strip()
        if found != "there" and not (found == "old" and self.begun):
            script = shell("etcd_snapshot", target=self.path)
            yield Change(f"{self.path} is {'older than a day' if found == 'old' else 'absent'}",
                         (Command(script, long=True, limit=900.0, shown="etcdctl snapshot save"),),
                         alters=frozenset({f"file:{self.path}"}))
