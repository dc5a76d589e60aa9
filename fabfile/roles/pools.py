"""A file server's pools, their file systems and snapshots, and what of them is exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fabfile.programs import shell, text
from fabfile.rack import Machine, Rack
from fabfile.rack.pools import Pool, Snapshots
from fabfile.resources import Check, Directory, Exports, File, Ran, Resource, Unit, ZfsDataset, ZfsPool
from fabfile.resources.pool_plan import WantedVdev
from fabfile.roles.file_server import clients_of, exported, zfs_answers
from fabfile.roles.rendering import render

COMES_BACK = 300.0  # seconds that a client's mounts may take once NFS is served: NFS 4 has a grace time
SANOID = "/etc/sanoid/sanoid.conf"
SEND, SEND_PROGRAM, UNITS = "/etc/coop/send", "/usr/local/lib/coop/send-copies", "/etc/systemd/system"


def pools(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """Each pool, and the timer that has it scrubbed."""
    for name, pool in pools_of(rack, machine):
        yield wanted_pool(machine, name, pool)
    for name, pool in pools_of(rack, machine):
        for often in ("weekly", "monthly"):
            yield Unit(f"zfs-scrub-{often}@{name}.timer", running=pool.scrub == often, enabled=pool.scrub == often)


def wanted_pool(machine: Machine, name: str, pool: Pool) -> ZfsPool:
    """A pool as the rack's files want it."""
    vdevs = tuple(WantedVdev(vdev.group, vdev.kind, {bay: machine.disks[bay] for bay in vdev.disks}) for vdev in pool.layout)
    return ZfsPool(name, machine.name, vdevs, _texts({"ashift": 12, "autoreplace": "off", **pool.properties}))


def datasets(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The file systems of its pools, their snapshots, and their exports."""
    owners = {path: owner(rack, path) for path in exported(rack, machine)}
    for name, pool in pools_of(rack, machine):
        for dataset, one in pool.datasets.items():
            yield ZfsDataset(f"{name}/{dataset}", _texts(one.properties), owners.get(f"/{name}/{dataset}", ""))
    kept = [(f"{name}/{dataset}", _counts(one.snapshots)) for name, pool in pools_of(rack, machine)
            for dataset, one in pool.datasets.items() if any(count for _, count in _counts(one.snapshots))]
    yield File(SANOID, render("hen/etc/sanoid/sanoid.conf", datasets=kept))
    yield Unit("sanoid.timer", running=bool(kept), enabled=bool(kept))
    yield from _copies(rack, machine)
    yield Exports({path: {str(client.address()): export_options(rack, path) for client in clients_of(rack, path)}
                   for path in exported(rack, machine)},
                  {str(one.address()): one.name for one in rack.machines.values()})


def _copies(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """What sends snapshots to other hosts, with a key that is made on the machine and never leaves it."""
    sent = {f"{name}/{dataset}": one.send for name, pool in pools_of(rack, machine) for dataset, one in pool.datasets.items() if one.send}
    if not sent:
        yield Unit("coop-send.timer", running=False, enabled=False)
        return
    yield Directory(SEND, mode=0o700)
    yield Ran("a key to send with", f"ssh-keygen -q -t ed25519 -N '' -C 'copies of {machine.name}' -f {SEND}/key", f"{SEND}/key")
    yield File(f"{SEND}/known_hosts", "".join(sorted({f"{one.host} {one.host_key}\n" for one in sent.values()})))
    yield File(f"{SEND}/copies", "".join(f"{dataset} {one.to}\n" for dataset, one in sent.items()))
    yield File(SEND_PROGRAM, f"#!/bin/sh\n{text('copies_send.sh')}", mode=0o755)
    for kind in ("service", "timer"):
        yield File(f"{UNITS}/coop-send.{kind}", render(f"hen/etc/systemd/system/coop-send.{kind}", program=SEND_PROGRAM, folder=SEND))
    yield Unit("coop-send.timer", watches=(f"{UNITS}/coop-send.timer", f"{UNITS}/coop-send.service"))


def pools_of(rack: Rack, machine: Machine) -> list[tuple[str, Pool]]:
    """The pools of a machine, by name."""
    assert rack.storage_classes is not None
    return [(name, pool) for name, pool in rack.storage_classes.pools.items() if pool.machine == machine.name]


def export_options(rack: Rack, path: str) -> str:
    """What exports(5) is told of a folder: written through, one owner for every file, only while it is mounted, and the same
    handle for as long as the rack has its name."""
    assert rack.storage_classes is not None
    written = [one for one in rack.storage_classes.exports[path].options if one not in ("sync", "rw", "all_squash", "no_subtree_check")]
    access = [] if "ro" in written else ["rw"]
    return ",".join([*access, "sync", "no_subtree_check", "all_squash", *written, "mp",
                     f"fsid={uuid5(NAMESPACE_URL, f'coop:{rack.name}{path}')}"])


def owner(rack: Rack, path: str) -> str:
    """The owner of an exported folder, who is the owner of all files in it; "" where its options name none."""
    assert rack.storage_classes is not None
    told = dict(one.split("=", 1) for one in rack.storage_classes.exports[path].options if "=" in one)
    return f"{told['anonuid']}:{told.get('anongid', told['anonuid'])}" if "anonuid" in told else ""


def pools_are_online(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Each pool serves what it holds."""
    for machine in machines:
        for name, _ in pools_of(rack, machine):
            yield Check(f"pool {name} of {machine.name} is online", machine.name, f"""
health=$(zpool list -H -o health {name} 2>&1)
case $health in
    ONLINE) ;;
    DEGRADED) echo 'note: pool {name} of {machine.name} is DEGRADED: inv storage.status' ;;
    *) echo "pool {name}: $health"; exit 1 ;;
esac
""", about=(machine.name,))


def exports_are_reached(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """What is exported is mounted there, and its clients reach the port."""
    for machine in machines:
        for path in exported(rack, machine):
            yield Check(f"{machine.name} exports {path}", machine.name,
                        f"mountpoint -q {path} || {{ echo '{path} is not mounted'; exit 1; }}\n"
                        f"exportfs -s | grep -q '^{path} ' || {{ echo '{path} is not exported'; exit 1; }}", about=(machine.name,))
            for client in clients_of(rack, path):
                if client in rack.reached and client.host_key:
                    yield Check(f"{client.name} reaches {machine.name}'s NFS", client.name,
                                f"timeout 5 bash -c 'exec 3<>/dev/tcp/{machine.address()}/2049' 2>&1", about=(client.name,), stage=1)


def serves_again(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """After a reboot: ZFS, pools and exports, and whatever clients still have mounted."""
    for checks in (zfs_answers, pools_are_online, exports_are_reached):
        yield from checks(rack, machines)
    for machine in machines:
        for client in rack.reached:
            if client.host_key:
                yield Check(f"{client.name}'s mounts of {machine.name} answer", client.name,
                            shell("mounts_answer", server=str(machine.address()), most="5", seconds="10"),
                            limit=COMES_BACK, about=(client.name,), stage=2)


def _counts(snapshots: Snapshots) -> list[tuple[str, int]]:
    return [(key, count or 0) for key, count in snapshots]


def _texts(properties: Any) -> dict[str, str]:
    return {key: str(value) for key, value in properties.items()}
