"""A ZFS pool: created once on empty disks, imported where it is there, and never changed in its vdevs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from .base import Change, Command, Resource, refusal
from .pool_facts import DiskSeen, PoolFacts, parse
from .pool_plan import Create, Import, Refused, WantedVdev, decided

CREATED = {"cachefile": "/etc/zfs/zpool.cache"}  # of each pool: what imports it at boot
FOR_EVER = frozenset(("ashift",))  # properties that a pool has since it was created
SCRUB = "org.debian:periodic-scrub"
# of its own file system, and so of all below: what belongs to no home
ROOT = {"atime": "off", "acltype": "off", "xattr": "sa", "devices": "off", "setuid": "off", "snapdir": "hidden", "sharenfs": "off",
        SCRUB: "disable"}  # Debian's scrub leaves degraded pools out; a timer of systemd scrubs them all


@dataclass(frozen=True)
class ZfsPool(Resource):
    """A pool of these vdevs on `machine`; `properties` are zpool's own. `vdevs` name disks as bay → /dev/disk/by-id/…"""

    probe_limit = 300.0  # disks that sleep take ten seconds to start
    pool: str
    machine: str
    vdevs: tuple[WantedVdev, ...]
    properties: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"pool {self.pool}"

    @property
    def disks(self) -> str:
        """The paths, one a line."""
        return "\n".join(path for vdev in self.vdevs for path in vdev.disks.values())

    def probe(self) -> str:
        return shell("pool_disks", "pool_facts", pool=self.pool, disks=self.disks)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = parse(facts, self.pool)
        match decided(self.pool, self.vdevs, found):
            case Import(when):
                script = shell("pool_import", pool=self.pool, properties="\n".join(
                    f"{key}={value}" for key, value in self.properties.items() if key not in FOR_EVER))
                yield Change(f"pool {self.pool} is there, and not imported{': ' * bool(when)}{when}",
                             (Command(script, long=True, limit=300.0, shown=f"zpool import {self.pool}"),),
                             alters=frozenset({f"pool:{self.pool}"}))
            case Create(disks):
                yield self._create(disks)
            case Refused(why):
                told = f"pool {self.pool} is not there, and cannot be created: " + "; ".join(why)
                yield refusal(told, shown="nothing: it cannot be done")
            case _:
                yield from self._properties(found.properties)
                yield from self._as_created(found)

    def _properties(self, found: Mapping[str, str]) -> Iterator[Change]:
        for key, value in self.properties.items():
            if key not in FOR_EVER and found.get(key, value) != value:
                yield Change(f"{key} of pool {self.pool} is {found[key]}, should be {value}",
                             (Command(f"zpool set {quote(f'{key}={value}')} {self.pool}"),))

    def _as_created(self, found: PoolFacts) -> Iterator[Change]:
        """What a pool that Coop did not create may have otherwise, and what would then be served or left out."""
        for dataset in found.shared:
            yield Change(f"ZFS exports {dataset} by itself, beside configs/storage.yaml",
                         (Command(f"zfs set sharenfs=off {quote(dataset)}"),),
                         interrupts=f"{self.machine} serves {dataset} only as `exports` says: who else has it mounted loses it")
        if found.properties.get(SCRUB, ROOT[SCRUB]) != ROOT[SCRUB]:
            yield Change(f"Debian's own scrub is not switched off for pool {self.pool}, beside the timer that scrubs it",
                         (Command(f"zfs set {SCRUB}={ROOT[SCRUB]} {self.pool}"),))

    def _create(self, disks: Mapping[str, DiskSeen]) -> Change:
        words = [word for vdev in self.vdevs for word in vdev.words]
        options = [f"-o {key}={value}" for key, value in {**CREATED, **self.properties}.items()]
        options += [f"-O {key}={value}" for key, value in {**ROOT, "mountpoint": f"/{self.pool}"}.items()]
        script = shell("pool_disks", "pool_create", pool=self.pool, disks=self.disks, words="\n".join(words),
                       options="\n".join(options))
        shown = "zpool create " + " ".join([*options, self.pool, *(word for vdev in self.vdevs for word in
                                                                  (*filter(None, (vdev.group, vdev.kind)), *vdev.disks))])
        return Change(
            f"pool {self.pool} is not there; all of its {len(disks)} disks are, and are empty",
            (Command(script, long=True, limit=300.0, shown=shown),), diff="\n".join(_table(self.vdevs, disks)),
            interrupts=f"{len(disks)} disks of {self.machine} become pool {self.pool}: {', '.join(disks)}; agreed to "
            f"beforehand by inv storage.apply --create {self.pool}",
            typed=self.pool, alters=frozenset({f"pool:{self.pool}"}))


def _table(vdevs: tuple[WantedVdev, ...], disks: Mapping[str, DiskSeen]) -> Iterator[str]:
    for vdev in vdevs:
        yield " ".join(filter(None, (vdev.group, vdev.kind)))
        for bay in vdev.disks:
            disk = disks[bay]
            yield f"  {bay}  {disk.path.rpartition('/')[2]}  serial {disk.serial or 'unknown'}  {disk.size / 1e9:.0f} GB  empty"
