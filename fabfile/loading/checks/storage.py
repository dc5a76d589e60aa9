"""What configs/storage.yaml says of pools and exports: whatever would lose files, or give them to others, is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import HOSTS, STORAGE
from fabfile.rack.pools import DRAID, INSTALLED, Misplaced, Pool, Vdev, parsed
from fabfile.rack.reading import Path
from fabfile.rack.spelling import did_you_mean
from fabfile.upstream import zfs_words as words

MOST = 255  # disks of one vdev, by zpool
SIZES_DIFFER = 0.01  # by more than that a disk of a vdev is of another size
SMALLEST_ASHIFT, LARGEST_ASHIFT = 12, 16


def pools_have_their_machine(draft: Draft) -> Iterator[Wrong]:
    for name, pool in _pools(draft):
        at = ("pools", name, "machine")
        machine = draft.machines.get(pool.machine)
        if machine is None and draft.whole:
            yield Wrong(STORAGE, at, f"there is no machine {pool.machine!r}", did_you_mean(pool.machine, draft.machines))
        elif machine and "storage" not in machine.roles:
            yield Wrong(STORAGE, at, f"{pool.machine} is no file server", "its roles in hosts.yaml: [storage]")
        elif machine and machine.is_member:
            yield Wrong(HOSTS, ("machines", machine.name, "roles"), "a file server with pools cannot be in the cluster too",
                        "its reboots would be those of a node")


def vdevs_are_sound(draft: Draft) -> Iterator[Wrong]:
    """Redundant, of one shape, each disk once; and what zpool would refuse."""
    for name, pool in _pools(draft):
        at = ("pools", name, "vdevs")
        found = list(parsed(pool.vdevs))
        yield from (Wrong(STORAGE, (*at, *one.path), one.message, one.hint) for one in found if isinstance(one, Misplaced))
        vdevs = [one for one in found if isinstance(one, Vdev)]
        for vdev in vdevs:
            yield from (Wrong(STORAGE, (*at, *vdev.path), said, hint) for said, hint in _shape(vdev))
        data = [one for one in vdevs if not one.group]
        if not data and len(vdevs) == len(found):
            yield Wrong(STORAGE, at, "no vdev holds data", "such as {raidz2: [front-0, front-1, front-2, front-3]}")
        for vdev in data[1:]:
            if (vdev.kind, len(vdev.disks)) != (data[0].kind, len(data[0].disks)):
                yield Wrong(STORAGE, (*at, *vdev.path), f"is {vdev.kind} of {len(vdev.disks)}, and the first is {data[0].kind} of "
                            f"{len(data[0].disks)}", "a pool is as safe as its weakest vdev: all of one kind and width")
        for vdev in vdevs:
            weakest = min((one.parity for one in data), default=0)
            if vdev.group in ("special", "dedup") and vdev.parity < weakest:
                yield Wrong(STORAGE, (*at, *vdev.path), f"{vdev.group} survives {vdev.parity} lost disks, and the data {weakest}: "
                            "without it the pool is lost", f"a mirror of {weakest + 1}")


def _shape(vdev: Vdev) -> Iterator[tuple[str, str]]:
    count = len(vdev.disks)
    if vdev.group in ("log", "special", "dedup") and not vdev.kind:
        yield f"{vdev.group} would be without redundancy", f"such as {{{vdev.group}: {{mirror: [rear-0, rear-1]}}}}"
        return
    if vdev.kind == "mirror" and count < 2:
        yield "a mirror has two disks at least", "add the other"
    if vdev.kind.startswith("raidz") and count < vdev.parity + 2:
        yield f"{vdev.kind} of {count} has no room for data and parity on disks of their own", f"{vdev.parity + 2} disks at least"
    if vdev.kind.startswith("draid"):
        yield from _draid(vdev.kind, count)
    if vdev.kind and count > MOST:
        yield f"{count} disks are too many for one vdev", f"{MOST} at most"


def _draid(kind: str, count: int) -> Iterator[tuple[str, str]]:
    """zpoolconcepts(7): draid[parity][:data d][:children c][:spares s]."""
    found = DRAID.fullmatch(kind)
    if found is None:
        yield f"{kind} is not how a draid is written", "draid2:4d:11c:1s is parity 2, 4 data disks a group, 11 disks, 1 of them spare"
        return
    told = [(piece[-1], int(piece[:-1])) for piece in found[2].split(":") if piece]
    letters = [letter for letter, _ in told]
    if twice := sorted({letter for letter in letters if letters.count(letter) > 1}):
        yield f"{kind} says {twice[0]} twice", "once each: d, c, s"
        return
    numbers, parity = dict(told), int(found[1] or 1)
    if numbers.get("c", count) != count:
        yield f"{kind} says {numbers['c']} disks, and there are {count}", f"{count}c"
        return
    spares = numbers.get("s", 0)
    room = count - spares - parity
    if room < 1:
        yield f"{kind} of {count} disks leaves none for data", "fewer spares, or more disks"
    elif not 1 <= numbers.get("d", min(room, 8)) <= room:
        yield f"{kind} has {numbers['d']} data disks a group, and {count} disks leave 1 to {room}", f"{min(room, 8)}d"


def disks_are_there_once(draft: Draft) -> Iterator[Wrong]:
    used: dict[tuple[str, str], str] = {}
    for name, pool in _pools(draft):
        machine = draft.machines.get(pool.machine)
        for vdev in pool.layout:
            for index, disk in enumerate(vdev.disks):
                at = ("pools", name, "vdevs", *vdev.path, index)
                other = used.setdefault((pool.machine, disk), f"{name}.vdevs[{vdev.path[0]}]")
                if disk.startswith("/dev/") or (machine and disk not in machine.disks):
                    known = machine.disks if machine else ()
                    hint = "its name in hosts.yaml, where its /dev/disk/by-id is" if disk.startswith("/dev/") else \
                        did_you_mean(disk, known) or "machines.NAME.disks: {front-0: /dev/disk/by-id/…}"
                    yield Wrong(STORAGE, at, f"{pool.machine} has no disk {disk!r} in hosts.yaml", hint)
                elif disk in INSTALLED:
                    yield Wrong(STORAGE, at, f"{disk} is what an installation writes", "a pool has disks of its own")
                elif other != f"{name}.vdevs[{vdev.path[0]}]" or vdev.disks.index(disk) != index:
                    yield Wrong(STORAGE, at, f"{disk} is in {other} already", "each disk once")


def disks_of_a_vdev_are_of_one_size(draft: Draft) -> Iterator[Wrong]:
    """By what is on file of them; what is not is looked at before a pool is created."""
    for name, pool in _pools(draft):
        machine = draft.machines.get(pool.machine)
        for vdev in pool.layout if machine else ():
            assert machine is not None
            sizes = {disk: machine.hardware.disks[machine.disks[disk]].size for disk in vdev.disks
                     if disk in machine.disks and machine.disks[disk] in machine.hardware.disks}
            if vdev.group in ("cache", "spare") or not sizes:
                continue
            largest = max(sizes, key=lambda disk: sizes[disk])
            for index, disk in enumerate(vdev.disks):
                if disk in sizes and sizes[disk] < sizes[largest] * (1 - SIZES_DIFFER):
                    yield Wrong(STORAGE, ("pools", name, "vdevs", *vdev.path, index),
                                f"{disk} has {sizes[disk]} bytes, and {largest} {sizes[largest]}", "the disks of a vdev are of one size")


def properties_are_of_zfs(draft: Draft) -> Iterator[Wrong]:
    for name, pool in _pools(draft):
        at = ("pools", name, "properties")
        yield from _properties(pool.properties, at, words.POOL_PROPERTIES, words.POOL_REFUSED, "zpool")
        ashift = pool.properties.get("ashift")
        if ashift is not None and (type(ashift) is not int or not SMALLEST_ASHIFT <= ashift <= LARGEST_ASHIFT):
            yield Wrong(STORAGE, (*at, "ashift"), f"{ashift!r} is no ashift for a pool of today",
                        "12 for sectors of 4 KiB; it can never be changed")
        for dataset, one in pool.datasets.items():
            where = ("pools", name, "datasets", dataset, "properties")
            yield from _properties(one.properties, where, words.DATASET_PROPERTIES, words.DATASET_REFUSED, "zfs")
            if one.properties.get("sync") == "disabled":
                yield Wrong(STORAGE, (*where, "sync"), "with it a power cut loses what was said to be on disk", "standard")


def _properties(written: Mapping[str, Any], at: Path, known: Iterable[str], refused: Mapping[str, str],
                program: str) -> Iterator[Wrong]:
    for key, value in written.items():
        if key in refused:
            yield Wrong(STORAGE, (*at, key), refused[key], "leave this key out")
        elif key not in known and ":" not in key and not (program == "zpool" and key.startswith("feature@")):
            yield Wrong(STORAGE, (*at, key), f"{program} has no such property", did_you_mean(key, known))
        elif isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isprintable() or not str(value):
            yield Wrong(STORAGE, (*at, key), "a word or a number is expected", f'as `{program} get` shows it, such as "on"')


def copies_have_snapshots(draft: Draft) -> Iterator[Wrong]:
    """What is sent are snapshots; and not to the machine itself."""
    for name, pool in _pools(draft):
        machine = draft.machines.get(pool.machine)
        own = {machine.name, *(str(port.address.ip) for port in machine.interfaces.values() if port.address)} if machine else set()
        for dataset, one in pool.datasets.items():
            at = ("pools", name, "datasets", dataset, "send")
            if one.send is None:
                continue
            if not any(count for _, count in one.snapshots):
                yield Wrong(STORAGE, at, f"{name}/{dataset} has no snapshots that could be sent", "snapshots: {hourly: 36, daily: 30}")
            if one.send.host in own:
                yield Wrong(STORAGE, (*at, "to"), f"{one.send.host} is {pool.machine} itself",
                            "a copy is lost with its machine: another host")


def exports_are_safe(draft: Draft) -> Iterator[Wrong]:
    """What is exported is a dataset; to nodes, by name; and no option undoes what makes it safe."""
    datasets = {f"/{name}/{dataset}" for name, pool in _pools(draft) for dataset in pool.datasets}
    for path, export in _exports(draft):
        at: Path = ("exports", path)
        if path not in datasets and draft.storage.pools is not None:
            yield Wrong(STORAGE, at, "is no dataset of a pool: nothing but a mount may be served",
                        did_you_mean(path, datasets) or "pools.NAME.datasets has them")
        for index, client in enumerate(export.clients or ()):
            where = (*at, "clients", index)
            machine = draft.machines.get(client)
            if any(sign in client for sign in "/*?@[") or client.replace(".", "").isdigit():
                yield Wrong(STORAGE, where, f"{client} would let in whoever takes such an address",
                            "the names of nodes, one by one; by default every node")
            elif machine is None and draft.whole:
                yield Wrong(STORAGE, where, f"there is no machine {client!r}", did_you_mean(client, draft.machines))
            elif machine and not machine.is_member:
                yield Wrong(STORAGE, where, f"{client} is no node of the cluster", "only nodes mount what a file server exports")
        if export.clients == ():
            yield Wrong(STORAGE, (*at, "clients"), "nobody could mount it", "leave this key out: then every node can")
        yield from _options(export.options, at)


def _options(options: tuple[str, ...], at: Path) -> Iterator[Wrong]:
    for index, option in enumerate(options):
        where = (*at, "options", index)
        word, _, value = option.partition("=")
        if word in words.EXPORT_REFUSED:
            yield Wrong(STORAGE, where, f"{word}: {words.EXPORT_REFUSED[word]}", "leave it out")
        elif word in words.EXPORT_VALUES:
            if not value.isdigit() or not 0 < int(value) < 65534:
                yield Wrong(STORAGE, where, f"{option!r}: a user's number is expected, not root's", f"{word}=1000")
        elif option not in words.EXPORT_OPTIONS:
            known = (*words.EXPORT_OPTIONS, *(f"{one}=" for one in words.EXPORT_VALUES))
            yield Wrong(STORAGE, where, f"{option!r} is not an option that Coop exports with", did_you_mean(option, sorted(known)))


def shares_are_exported(draft: Draft) -> Iterator[Wrong]:
    """A class on a machine whose pools are Coop's."""
    servers = {pool.machine for _, pool in _pools(draft)}
    exported = [path for path, _ in _exports(draft)]
    for name, one in ((draft.storage and draft.storage.classes) or {}).items():
        if one.share and one.share.server in servers and one.share.path not in exported:
            yield Wrong(STORAGE, ("classes", name, "share", "path"), f"{one.share.server} does not export {one.share.path}",
                        did_you_mean(one.share.path, exported) or "`exports` has what it exports")


def homes_are_on_an_export(draft: Draft) -> Iterator[Wrong]:
    """Every file in them is one user's, who is the one that notebooks run as; every node may run a notebook."""
    homes = draft.storage.homes if draft.storage else None
    if homes is None or draft.storage.exports is None:
        return
    export = draft.storage.exports.get(homes.path)
    if export is None:
        yield Wrong(STORAGE, ("homes", "path"), f"{homes.path} is not exported",
                    did_you_mean(homes.path, draft.storage.exports) or "`exports` has what is")
        return
    if not any(option.startswith("anonuid=") for option in export.options) or "ro" in export.options:
        yield Wrong(STORAGE, ("exports", homes.path, "options"), "notebooks could write no file in their homes",
                    "anonuid=1000 and anongid=100, as the chart runs them; and no ro")
    if homes.files < 0:
        yield Wrong(STORAGE, ("homes", "files"), f"{homes.files} is no number of files", "0 for any number")


def settings_of_nfs(draft: Draft) -> Iterator[Wrong]:
    nfs = (draft.storage and draft.storage.nfs) or {}
    for section, keys in nfs.items():
        if section not in words.NFS_SECTIONS or not isinstance(keys, Mapping):
            yield Wrong(STORAGE, ("nfs", section), "is no section of nfs.conf", did_you_mean(section, words.NFS_SECTIONS))
            continue
        for key, value in keys.items():
            if section == "nfsd" and words.NFS_VERSIONS.get(key, value) != value:
                yield Wrong(STORAGE, ("nfs", section, key), "NFS 4.2 alone is served", "leave this key out")
    threads = nfs.get("nfsd", {})
    threads = threads.get("threads") if isinstance(threads, Mapping) else None
    if threads is not None and (type(threads) is not int or threads < words.FEWEST_THREADS):
        yield Wrong(STORAGE, ("nfs", "nfsd", "threads"), f"{threads!r} threads are too few for a class that starts at once",
                    "64 by default")


def settings_of_mail(draft: Draft) -> Iterator[Wrong]:
    """ZED's, and those of msmtp, by which what it writes leaves the machine."""
    zed, mail = (draft.storage and draft.storage.zed) or {}, (draft.storage and draft.storage.mail) or {}
    for key in zed:
        if not key.startswith("ZED_"):
            yield Wrong(STORAGE, ("zed", key), "is no variable of zed.rc", "such as ZED_EMAIL_ADDR")
        elif any(word in key for word in words.ZED_SECRETS):
            yield Wrong(STORAGE, ("zed", key), "a secret does not belong in this file", "mail needs none: ZED_EMAIL_ADDR")
    for key in mail:
        if key in words.MAIL_SECRETS:
            yield Wrong(STORAGE, ("mail", key), "a secret does not belong in this file", "a relay that takes the machine's mail without")
        elif key not in words.MAIL_KEYS:
            yield Wrong(STORAGE, ("mail", key), "is no key of msmtprc that Coop sets", did_you_mean(key, words.MAIL_KEYS))
    if zed.get("ZED_EMAIL_ADDR") and not mail.get("host"):
        yield Wrong(STORAGE, ("zed", "ZED_EMAIL_ADDR"), "no mail leaves the machine", "mail: {host: smtp.example.org, from: …}")


def parameters_of_zfs(draft: Draft) -> Iterator[Wrong]:
    for key, value in ((draft.storage and draft.storage.zfs) or {}).items():
        if type(value) is not int:
            yield Wrong(STORAGE, ("zfs", key), "a number is expected", "as /sys/module/zfs/parameters shows it")


def _pools(draft: Draft) -> Iterator[tuple[str, Pool]]:
    yield from ((draft.storage and draft.storage.pools) or {}).items()


def _exports(draft: Draft) -> Iterator[tuple[str, Any]]:
    yield from ((draft.storage and draft.storage.exports) or {}).items()


ALL = (pools_have_their_machine, vdevs_are_sound, disks_are_there_once, disks_of_a_vdev_are_of_one_size, properties_are_of_zfs,
       copies_have_snapshots, exports_are_safe, shares_are_exported, homes_are_on_an_export, settings_of_nfs, settings_of_mail,
       parameters_of_zfs)
