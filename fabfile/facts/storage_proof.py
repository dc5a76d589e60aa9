"""What a file server promises, and whether it holds: the answers of storage_prove.sh and mount_prove.sh as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fabfile.programs import shell

State = Literal["holds", "broken", "limit", "untried"]
_STATES: tuple[State, ...] = ("holds", "broken", "limit", "untried")
DEMANDED = ("sync", "root_squash", "all_squash", "mountpoint")  # as `exportfs -s` says it
_EXPORTED = re.compile(r"([^ (]+)\(([^)]*)\)")


@dataclass(frozen=True)
class Proof:
    """One promise. A limit is known and stays; what is untried says nothing either way."""

    what: str
    state: State
    seen: str


@dataclass(frozen=True)
class Homes:
    """Where a folder is made beside users' homes, and the quota that it should get."""

    dataset: str
    namespace: str
    quota: int
    owner: str


def question(paths: list[str], homes: Homes | None, mail: str) -> str:
    """Shell text for the file server."""
    where = {"dataset": homes.dataset, "namespace": homes.namespace, "quota": str(homes.quota), "owner": homes.owner} if homes else \
        dict.fromkeys(("dataset", "namespace", "quota", "owner"), "")
    return shell("storage_prove", paths="\n".join(paths), mail=mail, restore=shell("homes_restore"), **where)


def client_question(machine: str, server: str, path: str, owner: str) -> str:
    """Shell text for a machine that mounts this path."""
    return shell("mount_prove", machine=machine, server=server, path=path, owner=owner)


def parse(answer: str, exports: Mapping[str, frozenset[str]]) -> list[Proof]:
    """What was seen, the exports first. `exports`: path → the addresses that the rack's files give it to."""
    rows = [line.split("\t") for line in answer.splitlines()]
    exported = [(row[1], row[2]) for row in rows if row[0] == "export" and len(row) == 3]
    written = {row[1]: row[2] for row in rows if row[0] == "sync" and len(row) == 3}
    judged = [Proof(row[1], state, row[3]) for row in rows if row[0] == "proof" and len(row) == 4
              for state in _STATES if state == row[2]]
    if not written:  # the file server has said nothing of itself
        return judged
    return [*_exports(exports, exported), *_written_through(written), *judged]


def _exports(wanted: Mapping[str, frozenset[str]], exported: list[tuple[str, str]]) -> Iterator[Proof]:
    """Which addresses each path is exported to, and with which options: as the kernel's own list has it."""
    for path, addresses in wanted.items():
        given = {address: set(options.split(",")) for one, text in exported if one == path for address, options in _EXPORTED.findall(text)}
        wrong = [f"to {address}, which the files do not name" for address in sorted(given.keys() - addresses)]
        wrong += [f"not to {address}" for address in sorted(addresses - given.keys())]
        wrong += [f"to {address} without {option}" for address, options in sorted(given.items())
                  for option in DEMANDED if option not in options]
        yield Proof(f"{path} is exported to its clients alone, and written through", "broken" if wrong else "holds",
                    "; ".join(wrong) or f"{len(given)} address{'es' * (len(given) != 1)}")
    for path in sorted({one for one, _ in exported} - wanted.keys()):
        yield Proof(f"{path} is exported", "broken", "the rack's files do not name it")


def _written_through(written: Mapping[str, str]) -> Iterator[Proof]:
    """An export that is `sync` keeps its word only on a dataset that does."""
    for path, value in written.items():
        yield Proof(f"ZFS writes {path} when it says so", "holds" if value in ("standard", "always") else "broken", f"sync={value}")
