"""What was seen of a pool and of the disks that it has, or could be made of: the answer of pool_facts.sh as values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

GROUPS = {"logs": "log", "spares": "spare", "l2cache": "cache", "special": "special", "dedup": "dedup"}
_PARTITION = re.compile(r"(/dev/disk/.*)-part[0-9]+|(/dev/[a-z]+)[0-9]+|(/dev/[a-z0-9]*[0-9])p[0-9]+")


@dataclass(frozen=True)
class DiskSeen:
    """A disk that is no part of an imported pool; `contents` is what lies there, in each program's words."""

    path: str
    size: int
    sector: int
    serial: str
    contents: tuple[str, ...]

    @property
    def pools(self) -> frozenset[str]:
        """The pools whose label it has, or that blkid names."""
        named = {line.removeprefix("zdb: pool ") for line in self.contents if line.startswith("zdb: pool ")}
        if any(line == "blkid: TYPE=zfs_member" or line.startswith("wipefs: zfs_member") for line in self.contents):
            named |= {line.removeprefix("blkid: LABEL=") for line in self.contents if line.startswith("blkid: LABEL=")}
            named |= {line.split(" ", 2)[2] for line in self.contents if line.startswith("wipefs: zfs_member ")}
        return frozenset(named)


@dataclass(frozen=True)
class Importable:
    """A pool that is there and not imported, in the words of `zpool import`."""

    name: str
    identifier: str
    state: str
    text: str

    @property
    def elsewhere(self) -> bool:
        """Whether another machine used it last, or may use it."""
        return "another system" in self.text or "hostid" in self.text


@dataclass(frozen=True)
class Leaf:
    """One disk of an imported pool."""

    path: str
    state: str
    errors: tuple[int, int, int]  # read, write, checksum
    guid: str = ""
    inner: str = ""  # within its group, the "replacing-0" or "spare-1" that it is in with another disk
    least: int = 0  # bytes that a disk in its place must have; 0 where zpool does not say


@dataclass(frozen=True)
class VdevSeen:
    """A group of disks of an imported pool; `kind` as in a rack's files, "" for single disks."""

    group: str
    kind: str
    name: str
    state: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Scan:
    """The last scrub or resilver, or the one that runs."""

    function: str  # "SCRUB", "RESILVER"
    state: str  # "SCANNING", "FINISHED", "CANCELED"
    ended: int  # seconds since 1970; 0: it has not
    errors: int


@dataclass(frozen=True)
class PoolSeen:
    """A pool that is imported."""

    name: str
    guid: str
    state: str
    vdevs: tuple[VdevSeen, ...]
    scan: Scan | None
    errors: int  # blocks that cannot be read
    advice: str = ""  # what zpool says of its state
    damaged: tuple[str, ...] = ()  # the files that these are in, as zpool names them

    @property
    def resilvers(self) -> bool:
        return self.scan is not None and (self.scan.function, self.scan.state) == ("RESILVER", "SCANNING")


@dataclass(frozen=True)
class PoolFacts:
    """All of it. `links`: the kernel's name of each disk that a pool should have."""

    pool: PoolSeen | None = None
    zfs: bool = False  # whether ZFS was there to be asked
    importable: tuple[Importable, ...] = ()
    disks: Mapping[str, DiskSeen] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    serials: Mapping[str, str] = field(default_factory=dict)  # of the disks of an imported pool
    shared: tuple[str, ...] = ()  # datasets that ZFS exports by itself


def parse(answer: str, name: str) -> PoolFacts:
    """The answer of pool_facts.sh about the pool of this name."""
    pool: PoolSeen | None = None
    importable: tuple[Importable, ...] | None = None
    disks: dict[str, DiskSeen] = {}
    absent: list[str] = []
    links: dict[str, str] = {}
    serials: dict[str, str] = {}
    properties: dict[str, str] = {}
    shared: tuple[str, ...] = ()
    for head, lines in _sections(answer):
        match head:
            case ["status"]:
                pool = _pool(json.loads("\n".join(lines))["pools"][name])
            case ["import"]:
                importable = tuple(_importable("\n".join(line[1:] for line in lines)))
            case ["properties"]:
                properties = dict(line.split("\t", 1) for line in lines if "\t" in line)
            case ["shared"]:
                shared = tuple(name for name, _, value in (line.partition("\t") for line in lines) if name and value != "off")
            case ["absent", path]:
                absent.append(path)
            case ["link", path, kernel, *serial]:
                links[path], serials[path] = kernel, " ".join(serial)
            case ["disk", path, size, sector, *serial]:
                disks[path] = DiskSeen(path, int(size), int(sector), " ".join(serial), tuple(line[1:] for line in lines))
    return PoolFacts(pool, pool is not None or importable is not None, importable or (), disks, tuple(absent), links,
                     properties, serials, shared)


def _sections(answer: str) -> Iterator[tuple[list[str], list[str]]]:
    """Each line that begins with #, as words, and the lines below it."""
    head: list[str] = []
    lines: list[str] = []
    for line in answer.rstrip("\n").split("\n"):
        if line.startswith("#"):
            yield head, lines
            head, lines = line[1:].split(), []
        else:
            lines.append(line)
    yield head, lines


def _importable(text: str) -> Iterator[Importable]:
    for one in re.split(r"(?m)^(?=\s*pool: )", text):
        found = re.match(r"\s*pool: (\S+)\s+id: (\d+)\s+state: (\S+)", one)
        if found:
            yield Importable(found[1], found[2], found[3], one.strip())


def _pool(said: Mapping[str, Any]) -> PoolSeen:
    root = said["vdevs"].get(said["name"], {})
    vdevs = [*_vdevs("", root.get("vdevs", {}))]
    for key, group in GROUPS.items():
        vdevs += _vdevs(group, said.get(key, {}))
    scan = said.get("scan_stats")
    return PoolSeen(said["name"], str(said.get("pool_guid", "")), said["state"], tuple(vdevs),
                    Scan(scan.get("function", ""), scan.get("state", ""), _seconds(scan.get("end_time")), int(scan.get("errors", 0)))
                    if scan and scan.get("function") not in (None, "NONE") else None,
                    int(said.get("error_count", 0)), " ".join(f"{said.get('status', '')} {said.get('action', '')}".split()),
                    tuple(map(str, said.get("errlist", ()))))


def _seconds(value: object) -> int:
    return int(str(value)) if str(value).isdigit() else 0


def _vdevs(group: str, tree: Mapping[str, Any]) -> Iterator[VdevSeen]:
    for name, one in tree.items():
        yield VdevSeen(group, _kind(one, name), name, one.get("state", ""), tuple(_leaves(one)))


def _kind(one: Mapping[str, Any], name: str) -> str:
    if not one.get("vdevs"):
        return ""
    return name.rpartition("-")[0] or str(one.get("vdev_type", ""))  # "raidz2-0", "mirror-1", "draid2:4d:11c:1s-0"


def _leaves(one: Mapping[str, Any], inner: str = "") -> Iterator[Leaf]:
    if held := one.get("vdevs"):
        for name, each in held.items():
            yield from _leaves(each, name if each.get("vdevs") else inner)
        return
    yield Leaf(whole_disk(str(one.get("path") or one.get("name", ""))), str(one.get("state", "")),
               (int(one.get("read_errors", 0)), int(one.get("write_errors", 0)), int(one.get("checksum_errors", 0))),
               str(one.get("guid", "")), inner, int(one.get("rep_dev_size", 0)))


def whole_disk(path: str) -> str:
    """Of a partition that zpool made: "/dev/disk/by-id/wwn-1-part1" is on wwn-1, "/dev/sdb1" on sdb."""
    found = _PARTITION.fullmatch(path)
    return next(filter(None, found.groups())) if found else path
