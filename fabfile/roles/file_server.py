"""A file server before its pools: ZFS for every kernel, NFS 4.2, mail, and a packet filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any
from zlib import crc32

from fabfile.rack import Machine, Rack
from fabfile.rack.install import MIRROR, SECURITY
from fabfile.rack.merge import merge
from fabfile.rack.storage import Storage
from fabfile.resources import (
    Check,
    File,
    HostId,
    KernelHeaders,
    KernelModule,
    Nftables,
    NoOtherFilter,
    Packages,
    Resource,
    SupportedSystem,
    Unit,
    ZfsParameters,
)
from fabfile.roles.cache import cached_packages
from fabfile.roles.metrics import PORT as METRICS
from fabfile.roles.metrics import asked_by_rooster, exporters_answer, metrics
from fabfile.roles.names import own_name, resolvers
from fabfile.roles.nfs_client import NOT_OF_NFS4
from fabfile.roles.node import clock
from fabfile.roles.programs import TIMESYNCD
from fabfile.roles.rendering import render
from fabfile.roles.sshd import sshd
from fabfile.upstream.home_use import PORT
from fabfile.upstream.preseed import SUITE, system_of
from fabfile.upstream.zfs_words import NFS_VERSIONS

ZED, NFS, MAIL, SMARTD = "/etc/zfs/zed.d/zed.rc", "/etc/nfs.conf.d/coop.conf", "/etc/msmtprc", "/etc/smartd.conf"


def file_server(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """What comes before a package lies ahead of it: a package keeps a file that is there."""
    storage = rack.storage_classes
    assert storage is not None
    yield SupportedSystem()
    yield from own_name(rack, machine)
    yield from resolvers(rack, (rack.gateway.address(),))
    yield sshd()
    yield cached_packages(rack)
    yield _contrib(rack, machine)
    yield Packages({"chrony": None, "nftables": None}, replace=TIMESYNCD)
    yield from clock(rack)
    yield NoOtherFilter(machine.inner.name, str(rack.network.node), ("2049/tcp", *asked_by_rooster(rack)))
    yield Nftables(render("hen/etc/nftables.conf", gateway=rack.gateway.address(), clients=clients(rack, machine),
                           hubs=hubs(rack, machine), port=PORT, metrics=METRICS if rack.metrics else 0), own=("chronyd",))
    yield Unit("nftables")
    yield HostId(crc32(f"{rack.name}/{machine.name}".encode()) or 1)
    yield KernelHeaders()
    yield Packages({"zfs-dkms": None})
    yield KernelModule("zfs", "pool")
    yield ZfsParameters({key: int(value) for key, value in storage.zfs.items()})
    yield from _mail(storage)
    for unit in NOT_OF_NFS4:
        yield Unit(unit, masked=True)
    yield File(NFS, render("hen/etc/nfs.conf.d/coop.conf", sections=_sections(nfs_settings(storage))))
    yield Packages({"nfs-kernel-server": None, "sanoid": None, "smartmontools": None, "zfs-zed": None, "zfsutils-linux": None})
    yield Unit("zfs-zed", watches=(ZED,))
    yield Unit("smartmontools", running=None, watches=(SMARTD,), reload=True)  # in a virtual machine it does not run
    yield Unit("nfs-server", watches=(NFS,), interrupts=f"{machine.name}'s NFS server restarts: its clients wait for up to 45 s")
    yield from metrics(rack, machine)


def _contrib(rack: Rack, machine: Machine) -> Resource:
    mirror, security = (system_of(rack, machine).mirror, system_of(rack, machine).security) if rack.install else (MIRROR, SECURITY)
    return File("/etc/apt/sources.list.d/contrib.sources",
                render("hen/etc/apt/sources.list.d/contrib.sources", mirror=mirror, security=security, suite=SUITE))


def _mail(storage: Storage) -> Iterator[Resource]:
    address = str(storage.zed.get("ZED_EMAIL_ADDR", ""))
    if storage.mail:
        yield File(MAIL, render("hen/etc/msmtprc", settings=sorted({"syslog": "LOG_MAIL", **storage.mail}.items())))
        yield File("/etc/aliases", render("hen/etc/aliases", address=address))
        yield Packages({"bsd-mailx": None, "msmtp-mta": None})
    settings = {"ZED_NOTIFY_VERBOSE": 1, "ZED_SCRUB_AFTER_RESILVER": 1, **storage.zed}
    yield File(ZED, render("hen/etc/zfs/zed.d/zed.rc", settings=[(key, quote(str(value))) for key, value in sorted(settings.items())]),
               mode=0o600)
    yield File(SMARTD, render("hen/etc/smartd.conf", address=address))


def nfs_settings(storage: Storage) -> Mapping[str, Any]:
    """nfs.conf(5): 4.2 alone, and a grace time that notebooks can wait for."""
    return merge({"nfsd": NFS_VERSIONS}, storage.nfs, {"nfsd": {"threads": 64, "grace-time": 45, "lease-time": 45}}).values


def _sections(tree: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    return [(section, sorted(keys.items())) for section, keys in sorted(tree.items())]


def clients(rack: Rack, machine: Machine) -> list[str]:
    """The addresses of all that may mount something of this machine."""
    return sorted({str(client.address()) for path in exported(rack, machine) for client in clients_of(rack, path)})


def hubs(rack: Rack, machine: Machine) -> list[str]:
    """The addresses from which hubs ask which homes are nearly full: every node's, where the homes are here."""
    storage = rack.storage_classes
    here = storage is not None and storage.homes is not None and storage.homes.path in exported(rack, machine)
    return sorted(str(node.address()) for node in rack.chicks) if here else []


def exported(rack: Rack, machine: Machine) -> list[str]:
    """The folders that it exports."""
    assert rack.storage_classes is not None
    pools = [name for name, pool in rack.storage_classes.pools.items() if pool.machine == machine.name]
    return [path for path in rack.storage_classes.exports if path.split("/")[1] in pools]


def clients_of(rack: Rack, path: str) -> tuple[Machine, ...]:
    """Who may mount a folder."""
    assert rack.storage_classes is not None
    named = rack.storage_classes.exports[path].clients
    return rack.chicks if named is None else tuple(rack.machine(name) for name in named)


def zfs_answers(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """ZFS and NFS run, and rooster reads the metrics."""
    yield from exporters_answer(rack, machines)
    for machine in machines:
        yield Check(f"ZFS answers on {machine.name}", machine.name, "zpool list -H -o name 2>&1 >/dev/null", about=(machine.name,))
