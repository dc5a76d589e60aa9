"""ZFS pools and their datasets, as configs/storage.yaml says them in zpool's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Fixed, HostKey, Label, Part, Sorted, Text, Tree, pattern, refuse, several

# zpool-create(8): names that mean a kind of vdev; and folders of the system, on which a pool of that name would be mounted
_RESERVED = ("mirror", "raidz", "draid", "spare", "log")
_FOLDERS = ("bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
            "tmp", "usr", "var")
PoolName = Annotated[str, pattern(
    rf"(?!({'|'.join(_RESERVED)}))(?!({'|'.join(_FOLDERS)})$)[a-z][a-z0-9_-]{{0,62}}", "a pool's name",
    f"a-z, 0-9, _ and -, beginning with a letter; none of zpool's words ({', '.join(_RESERVED)}), no folder of the system")]
DatasetName = Annotated[str, pattern(
    r"[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})*", "a dataset's name", "a-z, 0-9, _ and -, such as homes")]

REDUNDANT = re.compile(r"mirror|raidz[123]?|draid[123]?(:\w+)*")
DRAID = re.compile(r"draid([123]?)((?::[0-9]+[dcs])*)")
GROUPS = ("log", "special", "dedup", "cache", "spare")  # what a vdev is for, where it does not hold data
INSTALLED = ("system", "mirror")  # what an installation writes: never a pool's


@dataclass(frozen=True)
class Vdev:
    """One group of disks of a pool: `group` is "" for data, `kind` is "" for disks without redundancy among them."""

    group: str
    kind: str
    disks: tuple[str, ...]
    path: tuple[str | int, ...]  # within `vdevs`: to the list of disks

    @property
    def parity(self) -> int:
        """How many of its disks may fail."""
        if self.kind == "mirror":
            return len(self.disks) - 1
        found = re.match(r"(?:raidz|draid)([123]?)", self.kind)
        return int(found[1] or 1) if found else 0

    @property
    def words(self) -> tuple[str, ...]:
        """As `zpool create` takes it, the disks by their bays."""
        return (*filter(None, (self.group, self.kind)), *self.disks)


@dataclass(frozen=True)
class Misplaced:
    """What is no vdev, and where within `vdevs`."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


EXAMPLE = "such as {raidz2: [front-0, front-1, front-2, front-3]}, or {log: {mirror: [rear-0, rear-1]}}"


def parsed(vdevs: tuple[object, ...]) -> Iterator[Vdev | Misplaced]:
    """Each item of `vdevs` as a vdev, or what is wrong with its form."""
    for index, item in enumerate(vdevs):
        if isinstance(item, str):
            yield Misplaced((index,), f"{item} would be a disk without redundancy: when it fails, the pool is lost",
                            "in a mirror, raidz or draid with others")
        elif not isinstance(item, Mapping) or len(item) != 1:
            yield Misplaced((index,), "a vdev is one word of zpool and its disks", EXAMPLE)
        else:
            [(word, held)] = item.items()
            yield _vdev(str(word), held, (index, str(word)))


def _vdev(word: str, held: object, path: tuple[str | int, ...]) -> Vdev | Misplaced:
    if word in GROUPS and isinstance(held, Mapping):
        if word in ("cache", "spare"):
            return Misplaced(path, f"disks of {word} have no redundancy among them", f"such as {{{word}: [rear-2, rear-3]}}")
        if len(held) != 1:
            return Misplaced(path, "a vdev is one word of zpool and its disks", EXAMPLE)
        [(kind, disks)] = held.items()
        if not REDUNDANT.fullmatch(str(kind)) or (word == "log" and kind != "mirror"):
            return Misplaced((*path, str(kind)), f"{kind} is no redundancy for {word}", EXAMPLE)
        return _listed(word, str(kind), disks, (*path, str(kind)))
    if word in GROUPS:
        return _listed(word, "", held, path)
    if not REDUNDANT.fullmatch(word):
        return Misplaced(path, f"{word!r} is not a vdev of zpool",
                         f"mirror, raidz1, raidz2, raidz3, draid1, draid2, draid3, {', '.join(GROUPS)}")
    return _listed("", word, held, path)


def _listed(group: str, kind: str, disks: object, path: tuple[str | int, ...]) -> Vdev | Misplaced:
    if not isinstance(disks, tuple) or not disks or not all(isinstance(one, str) for one in disks):
        return Misplaced(path, "a list of disks is expected, by their names in hosts.yaml", EXAMPLE)
    return Vdev(group, kind, disks, path)


def _vdevs(value: object) -> object:
    if not isinstance(value, list) or not value:
        raise refuse("a list of vdevs is expected", EXAMPLE)
    return tuple(value)


class Snapshots(Part):
    """How many automatic snapshots are kept, by sanoid: its own keys."""

    frequently: int | None = None
    hourly: int | None = None
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None
    yearly: int | None = None


class Send(Part):
    """Another host with ZFS, which gets a copy of all snapshots."""

    to: Annotated[str, pattern(
        r"[a-z_][a-z0-9_-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)+", "a place for a copy",
        "USER@HOST:POOL/DATASET, such as hen@backup.example.org:tank/homes")] = Field(examples=["hen@backup.example.org:tank/homes"])
    host_key: HostKey = Field(examples=["ssh-ed25519 AAAA…"])

    @property
    def host(self) -> str:
        return self.to.partition("@")[2].partition(":")[0]


class Dataset(Part):
    """A file system of a pool, mounted at /POOL/DATASET."""

    properties: Tree  # zfsprops(7)
    snapshots: Snapshots = Field(default_factory=Snapshots)
    send: Send | None = None


class Pool(Part):
    """A pool of disks of one machine. It is created once: `zpool` alone changes the vdevs of one that exists."""

    machine: Label = Field(examples=["hen"])
    vdevs: Annotated[tuple[Any, ...], BeforeValidator(_vdevs), Fixed] = Field(examples=["[{mirror: [front-0, front-1]}]"])
    properties: Tree  # zpoolprops(7)
    scrub: Literal["weekly", "monthly"] = "monthly"
    datasets: Annotated[Mapping[DatasetName, Dataset], Sorted, Fixed] = Field(examples=["{homes: {}}"])

    @property
    def layout(self) -> tuple[Vdev, ...]:
        """Its vdevs, in order."""
        return tuple(one for one in parsed(self.vdevs) if isinstance(one, Vdev))


class Export(Part):
    """A dataset that a machine exports by NFS."""

    clients: Annotated[tuple[str, ...], BeforeValidator(several)] | None = None  # machines of the rack; none: every node
    options: Annotated[tuple[str, ...], BeforeValidator(several)] = ()  # exports(5)


SIZE = re.compile(r"([1-9][0-9]{0,8})(Mi|Gi|Ti)")
Size = Annotated[str, pattern(SIZE.pattern, "a size", "in Mi, Gi or Ti, such as 10Gi")]
HomeName = Annotated[str, pattern(
    r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[^\s/]{1,255}", "a user's name",
    "or that of a home's folder, such as jdoe; with several hubs with the namespace, such as hub/jdoe")]


def size_in_bytes(size: str) -> int:
    """Of "10Gi"."""
    found = SIZE.fullmatch(size)
    assert found is not None  # it was validated
    return int(found[1]) << {"Mi": 20, "Gi": 30, "Ti": 40}[found[2]]


class Homes(Part):
    """The users' homes of every hub: a folder each below one exported dataset, PATH/NAMESPACE/HOME, with a quota."""

    path: Text = Field(examples=["/nest/homes"])  # one of `exports`
    quota: Size = Field(examples=["10Gi"])  # of each home
    files: int = 0  # how many files a home may have; 0: any number
    users: Annotated[Mapping[HomeName, Size], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)  # others' quotas


Pools = Annotated[Mapping[PoolName, Pool], Sorted, Fixed]
Exports = Annotated[Mapping[Annotated[str, pattern(
    r"(/[A-Za-z0-9._-]+)+", "a folder's path", "from the root, such as /nest/homes")], Export], Sorted, Fixed]
