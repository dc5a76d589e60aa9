"""What is to be done about a pool: nothing, import it, create it, or say why neither can be. A pure function of wishes and facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .pool_facts import DiskSeen, Importable, PoolFacts

SIZES_DIFFER = 0.01


@dataclass(frozen=True)
class WantedVdev:
    """A group of disks as the rack's files want it; `disks` are bay → path."""

    group: str
    kind: str
    disks: Mapping[str, str]

    @property
    def words(self) -> tuple[str, ...]:
        """As `zpool create` takes it."""
        return (*filter(None, (self.group, self.kind)), *self.disks.values())


@dataclass(frozen=True)
class Nothing:
    """The pool is imported: its vdevs are changed by nobody but `zpool`."""


@dataclass(frozen=True)
class Import:
    """The pool is there and is imported; `when` says what has to be installed first, if anything."""

    when: str = ""


@dataclass(frozen=True)
class Create:
    """Every disk is there and empty."""

    disks: Mapping[str, DiskSeen]  # by bay


@dataclass(frozen=True)
class Refused:
    """Why neither: a sentence each."""

    why: tuple[str, ...]


Decision = Nothing | Import | Create | Refused


def decided(pool: str, vdevs: tuple[WantedVdev, ...], facts: PoolFacts) -> Decision:
    """What to do about the pool of this name."""
    if facts.pool:
        return Nothing()
    named = [one for one in facts.importable if one.name == pool]
    if named:
        return _imported(pool, named)
    wanted = {bay: path for vdev in vdevs for bay, path in vdev.disks.items()}
    labelled = [bay for bay, path in wanted.items() if path in facts.disks and pool in facts.disks[path].pools]
    if labelled and not facts.zfs:
        return Import("ZFS is installed first, and says whether it can be")
    problems = [*_problems(wanted, facts), *_unequal(vdevs, facts)]
    if problems:
        return Refused(tuple(problems))
    return Create({bay: facts.disks[path] for bay, path in wanted.items()})


def _imported(pool: str, named: list[Importable]) -> Decision:
    if len(named) > 1:
        return Refused((f"there are {len(named)} pools called {pool} on these disks, with the ids "
                        f"{', '.join(one.identifier for one in named)}: import the right one by hand, zpool import ID",))
    [one] = named
    if one.elsewhere:
        return Refused((f"pool {pool} was last used by another machine, or by this one under another hostid. If that machine is off "
                        f"for good, import it by hand: zpool import -f -d /dev/disk/by-id {one.identifier}",))
    if one.state not in ("ONLINE", "DEGRADED"):
        return Refused((f"pool {pool} is there, and its state is {one.state}: zpool import says what is missing",))
    return Import()


def _problems(wanted: Mapping[str, str], facts: PoolFacts) -> Iterator[str]:
    for bay, path in wanted.items():
        if path not in facts.disks:
            yield f"{bay}: there is no disk {path}"
        elif contents := facts.disks[path].contents:
            disk = facts.disks[path]
            yield f"{bay}: {path} (serial {disk.serial or 'unknown'}) is not empty: {'; '.join(contents)}"


def _unequal(vdevs: tuple[WantedVdev, ...], facts: PoolFacts) -> Iterator[str]:
    for vdev in vdevs:
        seen = {bay: facts.disks[path] for bay, path in vdev.disks.items() if path in facts.disks}
        if not seen or vdev.group in ("spare", "cache"):
            continue
        largest = max(seen, key=lambda bay: seen[bay].size)
        for bay, disk in seen.items():
            if disk.size < seen[largest].size * (1 - SIZES_DIFFER):
                yield f"{bay} has {disk.size} bytes, and {largest} of the same vdev {seen[largest].size}"
            if disk.sector != seen[largest].sector:
                yield f"{bay} has sectors of {disk.sector} bytes, and {largest} of the same vdev of {seen[largest].sector}"
    data = [facts.disks[path].size for vdev in vdevs if not vdev.group for path in vdev.disks.values() if path in facts.disks]
    for vdev in vdevs:
        for bay, path in vdev.disks.items() if vdev.group == "spare" and data else ():
            if path in facts.disks and facts.disks[path].size < min(data) * (1 - SIZES_DIFFER):
                yield f"{bay} has {facts.disks[path].size} bytes: too small a spare for disks of {min(data)}"


@dataclass(frozen=True)
class Replacement:
    """One disk of a pool for another: `old` as zpool calls it, and in words."""

    old: str
    told: str
    new: DiskSeen


@dataclass(frozen=True)
class GoesOn:
    """The disk is in its vdev already, beside the one that it replaces or a spare, and is being written."""

    path: str


def replacement(bay: str, vdevs: tuple[WantedVdev, ...], facts: PoolFacts) -> Replacement | GoesOn | Refused:
    """What makes the pool have the disk that the rack's files name for this bay, in place of one that they do not name."""
    vdev = next((one for one in vdevs if bay in one.disks), None)
    if facts.pool is None:
        return Refused(("the pool is not imported",))
    if facts.pool.state not in ("ONLINE", "DEGRADED"):
        return Refused((f"pool {facts.pool.name} is {facts.pool.state}, and writes nothing: on the machine, zpool status {facts.pool.name} "
                        f"says what is missing; when its disks answer again, zpool clear {facts.pool.name}",))
    if vdev is not None and vdev.group in ("spare", "cache"):
        return Refused((f"{bay} is a {vdev.group}, with no data of its own: on the machine, zpool remove {facts.pool.name} takes out the "
                        f"old disk, and zpool add {facts.pool.name} {vdev.group} {vdev.disks[bay]} brings the new one",))
    if vdev is None or not vdev.kind:
        return Refused((f"{bay} is in no vdev with redundancy",))
    kernel = {name: path for path, name in facts.links.items()}
    path = vdev.disks[bay]
    found = [(seen, leaf) for seen in facts.pool.vdevs for leaf in seen.leaves]
    if there := [(seen, leaf) for seen, leaf in found if path in (leaf.path, kernel.get(leaf.path))]:
        if all((seen.group, seen.kind, leaf.state) == (vdev.group, vdev.kind, "ONLINE") and leaf.inner for seen, leaf in there):
            return GoesOn(path)
        return Refused((f"{path} is in the pool already, and {there[0][1].state}: the path of the new disk is wanted at its bay",))
    named = {one for each in vdevs for one in each.disks.values()}
    ours = [seen for seen in facts.pool.vdevs if seen.group == vdev.group and seen.kind == vdev.kind and any(
        kernel.get(leaf.path, leaf.path) in vdev.disks.values() for leaf in seen.leaves)]
    if len(ours) != 1:
        return Refused((f"which vdev of the pool is that of {bay} cannot be told: {len(ours)} have disks of it",))
    others = [leaf for leaf in ours[0].leaves if kernel.get(leaf.path, leaf.path) not in named]
    if busy := [leaf.path for leaf in others if leaf.inner.startswith("replacing")]:
        return Refused((f"a disk of {ours[0].name} is being replaced ({', '.join(busy)}): the next one when that has ended, which "
                        f"inv storage.status shows",))
    if len(others) != 1:
        which = ", ".join(leaf.path for leaf in others) or "none"
        return Refused((f"one disk of {ours[0].name} should be in no file, and so be the one to replace: {which}",))
    [old] = others
    broken = [leaf for leaf in ours[0].leaves if leaf.state != "ONLINE" and leaf is not old]
    if old.state == "ONLINE" and broken:
        lost = ", ".join(leaf.path for leaf in broken)
        return Refused((f"{old.path} is healthy, and {ours[0].name} has lost {lost}: replace that first",))
    if path not in facts.disks:
        return Refused((f"{bay}: there is no disk {path}",))
    new = facts.disks[path]
    if new.contents:
        return Refused((f"{bay}: {path} (serial {new.serial or 'unknown'}) is not empty: {'; '.join(new.contents)}",))
    if new.size < (least := max(leaf.least for leaf in ours[0].leaves)):
        return Refused((f"{bay}: {path} (serial {new.serial or 'unknown'}) has {new.size} bytes, and a disk of {ours[0].name} "
                        f"needs {least}",))
    return Replacement(old.guid or old.path, f"{old.path} ({old.state})", new)


def unfinished(path: str, facts: PoolFacts) -> str:
    """What is still to come of a replacement by this disk; "" when it has ended well."""
    if facts.pool is None:
        return "the pool is not imported"
    if facts.pool.resilvers:
        return "the pool resilvers"
    leaf = next((leaf for seen in facts.pool.vdevs for leaf in seen.leaves if leaf.path in (path, facts.links.get(path))), None)
    if leaf is None or leaf.state != "ONLINE":
        return f"{path} is {leaf.state if leaf else 'not in the pool'}"
    if leaf.inner:
        return f"{path} is still in {leaf.inner}"
    spares = [leaf.path for seen in facts.pool.vdevs if seen.group == "spare" for leaf in seen.leaves if leaf.state == "INUSE"]
    return f"the spare {', '.join(spares)} is still in use" if spares else ""


def differences(vdevs: tuple[WantedVdev, ...], facts: PoolFacts) -> Iterator[str]:
    """What an imported pool has otherwise than the rack's files say. A spare that stands in for a disk is still one."""
    if facts.pool is None:
        return
    bays = {path: bay for vdev in vdevs for bay, path in vdev.disks.items()}
    kernel = {name: bays[path] for path, name in facts.links.items() if path in bays and name}
    has: dict[str, tuple[str, str, str]] = {}
    for seen in sorted(facts.pool.vdevs, key=lambda vdev: vdev.group != "spare"):  # spares first: one that stands in is there twice
        for leaf in seen.leaves:
            has.setdefault(bays.get(leaf.path) or kernel.get(leaf.path) or leaf.path, (seen.group, seen.kind, seen.name))
    for vdev in vdevs:
        places = {has[bay] for bay in vdev.disks if bay in has}
        for bay in vdev.disks:
            if bay not in has:
                yield f"{bay} is not in pool {facts.pool.name}"
            elif has[bay][0] != vdev.group or (vdev.group not in ("spare", "cache") and has[bay][1] != vdev.kind):
                yield f"{bay} is in {' '.join(filter(None, has[bay][:2])) or 'no vdev of its own'}, and should be in " \
                      f"{' '.join(filter(None, (vdev.group, vdev.kind)))}"
        if vdev.kind and len({name for _, _, name in places}) > 1:
            yield f"{', '.join(vdev.disks)} are in different vdevs: {', '.join(sorted(name for _, _, name in places))}"
    for bay in has:
        if bay not in bays.values():
            yield f"{bay} is in pool {facts.pool.name}, and in no rack's file"
