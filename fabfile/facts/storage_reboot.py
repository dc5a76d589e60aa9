"""Whether a file server may be rebooted: it would come back with every pool, and loses none on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fabfile.facts.file_server import FileServer, Wanted
from fabfile.programs import shell
from fabfile.rack.pools import Vdev
from fabfile.resources.pool_facts import PoolFacts, VdevSeen


@dataclass(frozen=True)
class BootFacts:
    """What storage_boot.sh saw."""

    started: str
    cached: frozenset[str]  # pools that are imported at boot
    disabled: tuple[str, ...]  # units that should be enabled
    clients: tuple[str, ...]  # addresses


def question() -> str:
    """Shell text for the file server."""
    return shell("storage_boot")


def last_look(pools: list[str], until: int) -> str:
    """Shell text for the file server: it waits until then, and fails where it may not be rebooted any more."""
    return shell("storage_boot_guard", pools="\n".join(pools), boot="/boot", until=str(until))


def mounts_question(server: str) -> str:
    """Shell text for a client: how many mounts it has of this server."""
    return f"""awk -v server={server}: '$3 ~ /^nfs/ && index($1, server) == 1' /proc/mounts | wc -l"""


def parse(answer: str) -> BootFacts:
    """The answer of storage_boot.sh."""
    rows = [line.partition(" ") for line in answer.splitlines()]
    started, cached, disabled, clients = (tuple(rest for one, _, rest in rows if one == head)
                                          for head in ("started", "cached", "disabled", "client"))
    return BootFacts("".join(started[:1]), frozenset(cached), disabled, clients)


def refusals(wanted: Wanted, server: FileServer, boot: BootFacts) -> list[str]:
    """Why it is not rebooted: a sentence each, with what to do."""
    return [*_kernels(server), *_at_boot(wanted, boot),
            *(why for name in wanted.pools for why in _pool(name, server.pools.get(name, PoolFacts())))]


def _kernels(server: FileServer) -> Iterator[str]:
    if not server.module.kernels:
        yield "there is no kernel in /boot: which one comes next, and whether it has a module zfs, cannot be told"
    for kernel, (_, module) in server.module.kernels.items():
        if not module:
            yield f"kernel {kernel} has no module zfs: after a reboot into it there would be no pool (inv storage.apply builds it)"


def _at_boot(wanted: Wanted, boot: BootFacts) -> Iterator[str]:
    if not boot.started:
        yield "since when it runs cannot be told"
    for unit in boot.disabled:
        yield f"{unit} is not enabled: after a reboot there would be no pool or no NFS (systemctl enable {unit})"
    for name in wanted.pools:
        if name not in boot.cached:
            yield f"pool {name} is not in /etc/zfs/zpool.cache, by which it is imported at boot (zpool set cachefile= {name})"


def _pool(name: str, facts: PoolFacts) -> Iterator[str]:
    seen = facts.pool
    if seen is None:
        yield f"pool {name} is not imported: inv storage.apply --dry says what is there"
        return
    if seen.state not in ("ONLINE", "DEGRADED"):
        yield f"pool {name} is {seen.state}: {seen.advice}"
    if seen.scan and (seen.scan.function, seen.scan.state) == ("RESILVER", "SCANNING"):
        yield f"pool {name} resilvers: inv storage.status shows when it is done"
    for vdev in seen.vdevs:
        if vdev.group in ("cache", "spare") or left(vdev) > 0:
            continue
        lost = [leaf.path for leaf in vdev.leaves if leaf.state != "ONLINE"]
        why = f"has lost {', '.join(lost)}" if lost else "has no redundancy"
        yield f"{vdev.name} of pool {name} {why}: a disk that does not come back after the reboot would be the end of it " \
              "(inv storage.replace)"


def left(vdev: VdevSeen) -> int:
    """How many disks of it may still fail to come back. A disk that a spare stands in for counts as lost in a raidz."""
    online = sum(leaf.state == "ONLINE" for leaf in vdev.leaves)
    if vdev.kind == "mirror":
        return online - 1
    return Vdev(vdev.group, vdev.kind, tuple(leaf.path for leaf in vdev.leaves), ()).parity - (len(vdev.leaves) - online)


def interrupted(machine: str, boot: BootFacts, names: Mapping[str, str], mounts: Mapping[str, int]) -> str:
    """Who waits meanwhile, in words. `mounts`: client → how many it has."""
    busy = [f"{count} of {name}" for name, count in mounts.items() if count]
    others = [names.get(address, address) for address in boot.clients if names.get(address, address) not in mounts]
    who = ", ".join([*busy, *others])
    return f"{machine} reboots: what reads or writes homes waits until it is back" + (f" (mounts: {who})" if who else "")
