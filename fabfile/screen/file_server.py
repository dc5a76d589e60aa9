"""A file server's state and disks on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fabfile.finding import Finding, healthy
from fabfile.screen import findings
from fabfile.screen.table import WIDTH, ruled_table, table

if TYPE_CHECKING:
    from fabfile.facts.file_server import Disk, FileServer
    from fabfile.facts.homes import Home, Version
    from fabfile.facts.storage_proof import Proof


def as_json(servers: Sequence[FileServer], found: Sequence[Finding]) -> str:
    """Each pool's state, space, scan and snapshots; the findings, and `healthy` in one word."""
    data = [{
        "machine": server.machine, "zfs": server.module.loaded,
        "pools": {name: asdict(facts.pool) if facts.pool else None for name, facts in server.pools.items()},
        "space": {name: asdict(space) for name, space in server.space.items()},
        "snapshots": {name: asdict(one) for name, one in server.snapshots.items()},
    } for server in servers]
    return json.dumps({"servers": data, "findings": findings.as_data(found), "healthy": healthy(found)}, indent=2)


def as_text(servers: Sequence[FileServer], found: Sequence[Finding]) -> str:
    """A line each pool, and what is wrong, worst first."""
    rows = []
    for server in servers:
        for name, facts in server.pools.items():
            pool, space = facts.pool, server.space.get(name)
            scan = "" if pool is None or pool.scan is None else f"{pool.scan.function.lower()} {pool.scan.state.lower()}"
            rows.append((server.machine, name, pool.state if pool else "not imported",
                         f"{space.percent} % of {size(space.size)}" if space else "", scan, server.module.loaded))
    shown = ruled_table(("machine", "pool", "state", "full", "last scan", "zfs"), rows)
    return "\n".join([shown, findings.as_text(found, WIDTH) if found else "no problems found"])


def disks_as_text(machine: str, disks: Iterable[Disk], unnamed: Sequence[tuple[str, int, str]]) -> str:
    """A line each disk by its bay, and those that no file names."""
    rows = [(disk.bay, disk.path.removeprefix("/dev/disk/by-id/"), disk.serial, size(disk.size), disk.vdev, disk.state,
             "/".join(map(str, disk.errors))) for disk in disks]
    lines = [f"{machine}:", table(("bay", "id", "serial", "size", "vdev", "state", "errors"), rows)]
    lines += [f"{name} ({size(count)}, serial {serial or 'unknown'}) is in no pool, and its serial in no file"
              for name, count, serial in unnamed]
    return "\n".join(lines)


def homes_as_text(homes: Sequence[Home], count: int) -> str:
    """A line each home, and how many there are."""
    rows = [(home.name, size(home.used), size(home.quota) or "none", f"{home.percent} %", home.files) for home in homes]
    shown = table(("home", "used", "quota", "full", "files"), rows, right=("used", "quota", "full", "files"))
    return shown if len(homes) == count else f"{shown}\n… of {count} homes: --all shows them"


def versions_as_text(versions: Sequence[Version]) -> str:
    """A line each version, oldest first."""
    rows = [("now" if one.snapshot == "now" else f"{datetime.fromtimestamp(one.made, UTC):%Y-%m-%d %H:%M}",
             "not there" if one.size is None else f"{one.size} bytes",
             "" if one.size is None else f"{datetime.fromtimestamp(one.changed, UTC):%Y-%m-%d %H:%M}", one.snapshot) for one in versions]
    return table(("since (UTC)", "size", "changed (UTC)", "snapshot"), rows)


def proofs_as_text(proofs: Sequence[Proof]) -> str:
    """A line each promise, and how many do not hold."""
    broken = sum(one.state == "broken" for one in proofs)
    shown = ruled_table(("promise", "", "seen"), [(one.what, one.state, one.seen) for one in proofs])
    return f"{shown}\n{broken} of {len(proofs)} do not hold" if broken else f"{shown}\nnothing that was tried is broken"


def size(count: int) -> str:
    """Bytes for a person: "4.0 TB"; "" for none."""
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B" if count else ""
