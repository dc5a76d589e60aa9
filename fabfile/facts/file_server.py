"""The state of a file server: its pools, their disks by bay, space, snapshots and exports; and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote

from fabfile.facts.sections import sections
from fabfile.finding import Finding, Severity
from fabfile.programs import shell
from fabfile.rack import Machine
from fabfile.rack.pools import Pool
from fabfile.resources.kernel_module import ModuleFacts
from fabfile.resources.kernel_module import parse as parse_module
from fabfile.resources.kernel_module import question as question_module
from fabfile.resources.pool_facts import PoolFacts, PoolSeen
from fabfile.resources.pool_facts import parse as parse_pool
from fabfile.resources.pool_plan import Replacement, WantedVdev, differences

DAY = 86400
SCRUBBED = 35  # days: a monthly scrub that is older was missed
FULL, FILLING = 90, 80  # percent of a pool
SENT = 3600  # seconds between two copies
QUOTAS_LATE = 5  # minutes: homes are looked at each
INTERVALS = {"frequently": 900, "hourly": 3600, "daily": DAY, "weekly": 7 * DAY, "monthly": 31 * DAY, "yearly": 366 * DAY}


@dataclass(frozen=True)
class Space:
    """Bytes of a pool, and how full it is in percent."""

    size: int
    used: int
    percent: int


@dataclass(frozen=True)
class Snapped:
    """The snapshots of a dataset: how many, and when the newest was made."""

    count: int
    newest: int


@dataclass(frozen=True)
class HomesFacts:
    """What gives homes their quotas: its units that are not active, what its last run said where that failed, when it last told how
    full homes are, and why links cannot be renamed in one."""

    inactive: tuple[str, ...] = ()
    failed: str = ""
    at: int = 0
    links: str = ""


@dataclass(frozen=True)
class FileServer:
    """All of it at one moment."""

    machine: str
    now: int
    module: ModuleFacts
    pools: Mapping[str, PoolFacts]
    space: Mapping[str, Space]
    created: Mapping[str, int]  # by dataset, and by pool
    snapshots: Mapping[str, Snapped]
    sent: Mapping[str, int]  # dataset → when the newest snapshot that its copy has was made
    exports: frozenset[tuple[str, str]]  # path, address
    blocks: Mapping[str, tuple[int, str]]  # kernel's name → size, serial
    mounted: frozenset[str] = frozenset()  # of the exported paths
    homes: HomesFacts = HomesFacts()


@dataclass(frozen=True)
class Wanted:
    """What the rack's files say of one file server."""

    pools: Mapping[str, tuple[Pool, tuple[WantedVdev, ...]]]
    exports: frozenset[tuple[str, str]]
    names: Mapping[str, str]  # address → machine
    homes: str = ""  # the export that they are in, where they are here

    @property
    def paths(self) -> list[str]:
        return sorted({path for path, _ in self.exports})


def question(wanted: Wanted) -> str:
    """Shell text for the file server."""
    paths = "\n".join(wanted.paths)
    asked = [f"(\n{shell('file_server', paths=paths, homes=wanted.homes)}\n)", f"echo '##module'\n{question_module('zfs')}"]
    for name, (_, vdevs) in wanted.pools.items():
        disks = "\n".join(path for vdev in vdevs for path in vdev.disks.values())
        asked.append(f"echo '##pool {name}'\n( {shell('pool_disks', 'pool_facts', pool=name, disks=disks)} )")
    return "\n".join(asked)


def replacing(pool: str, wanted: Replacement) -> str:
    """Shell text for the file server that begins to replace a disk."""
    return shell("pool_disks", "pool_replace", pool=pool, disks=wanted.new.path, old=wanted.old, new=wanted.new.path)


def replaced_question(pool: str, path: str) -> str:
    """Shell text for the file server, answered as PoolFacts are: how far the replacement by this disk is."""
    return shell("pool_disks", "pool_facts", pool=pool, disks=path)


def light(disk: str, on: bool) -> str:
    """Shell text for the file server: the light of this disk's bay."""
    return shell("disk_light", disk=disk, on=str(int(on)), sys="/sys")


def light_told(machine: str, bay: str, path: str, serial: str, answer: str, off: bool) -> tuple[bool, str]:
    """Whether the light does as it was told, and what to say. `serial`: what hosts.yaml knows of the disk."""
    said = {head: rest for head, _, rest in (line.partition(" ") for line in answer.splitlines())}
    disk = f"{bay}: {path}, serial {said.get('serial') or serial or 'unknown'}"
    if "light" in said:
        return True, f"{disk}\nits light is {'off' if off else 'on'} ({said['light']})" + \
            ("" if off else f": inv storage.locate {bay} --off switches it off")
    if "absent" in said:
        return False, f"{disk}\n{machine} does not see it, so no light can be switched: look for the serial on the labels"
    told = f"{disk}\nit has no light that could be switched: {said.get('dark', 'the machine has not answered')}"
    blink = f"on {machine}, as root, this reads from it for a minute, so that its activity light blinks:\n" \
            f"  timeout 60 dd if={path} of=/dev/null bs=1M status=none"
    return False, told if off else f"{told}\n{blink}"


def parse(machine: str, answer: str) -> FileServer:
    """The state from an answer to the question."""
    parts = dict(sections(answer, "##"))
    now = next((int(head.split()[1]) for head in parts if head.startswith("now ")), 0)
    rows = {name: [line.split("\t") for line in parts.get(name, "").splitlines()] for name in ("space", "datasets", "snapshots", "sent")}
    blocks = (dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in parts.get("blocks", "").splitlines())
    return FileServer(
        machine, now, parse_module(parts.get("module", "")),
        {head.removeprefix("pool "): parse_pool(text, head.removeprefix("pool ")) for head, text in parts.items()
         if head.startswith("pool ")},
        {name: Space(int(size), int(used), int(percent)) for name, size, used, percent in rows["space"]},
        {name: int(created) for name, _, _, created in rows["datasets"]},
        {name: Snapped(int(count), int(newest)) for name, count, newest in rows["snapshots"]},
        {name: int(made) for name, made in rows["sent"]},
        frozenset((words[0], words[1]) for words in map(str.split, parts.get("exports", "").splitlines()) if len(words) == 2),
        {block["KNAME"]: (int(block["SIZE"]), block["SERIAL"]) for block in blocks},
        frozenset(parts.get("mounted", "").split()), _homes(parts.get("homes", "")))


def _homes(answer: str) -> HomesFacts:
    words = [line.split(" ", 2) for line in answer.splitlines() if line]
    said = {head: " ".join(rest) for head, *rest in words if head != "unit"}
    return HomesFacts(tuple(one[1] for one in words if one[0] == "unit" and one[2:] != ["active"]),
                      (said["failed"] or "it said nothing") if "failed" in said else "", int(said.get("at") or 0), said.get("links", ""))


def findings(wanted: Wanted, server: FileServer) -> Iterator[Finding]:
    """What is wrong, and what to type."""
    for name, (pool, vdevs) in wanted.pools.items():
        yield from _pool(server, name, pool, vdevs, wanted.homes)
    missing: dict[str, list[str]] = {}
    for path, address in sorted(wanted.exports - server.exports):
        missing.setdefault(path, []).append(wanted.names.get(address, address))
    for path, names in missing.items():
        yield Finding(f"{path} is not exported to {', '.join(names)}", server.machine, Severity.DOWN, fix="inv storage.apply")
    yield from _mounts(wanted, server)
    for kernel, (_, module) in server.module.kernels.items():
        if not module:
            yield Finding(f"kernel {kernel} has no module zfs: after a reboot into it there would be no pool", server.machine,
                          fix="inv storage.apply")


def _mounts(wanted: Wanted, server: FileServer) -> Iterator[Finding]:
    imported = {name for name, facts in server.pools.items() if facts.pool}
    for path in wanted.paths:
        if path not in server.mounted and path.split("/")[1] in imported:
            yield Finding(f"{path} is not mounted, and so not served", server.machine, Severity.DOWN, fix="inv storage.apply")
    if wanted.homes in server.mounted:
        yield from _homes_wrong(server)


def _homes_wrong(server: FileServer) -> Iterator[Finding]:
    homes, age = server.homes, (server.now - server.homes.at) // 60
    if homes.inactive:
        yield Finding(f"what gives homes their quotas is not active: {', '.join(homes.inactive)}", server.machine, fix="inv storage.apply")
    if homes.failed:
        yield Finding("not every home has its quota", server.machine, evidence=homes.failed,
                      fix=f"on {server.machine}: systemctl status coop-homes.service")
    elif not homes.inactive and age > QUOTAS_LATE:
        yield Finding(f"homes were last looked at {age} minutes ago" if homes.at else "no home has been looked at", server.machine,
                      fix=f"on {server.machine}: systemctl status coop-homes.service")
    if homes.links:
        yield Finding("links cannot be renamed in homes: ln -sfn and rsync over an old link fail", server.machine, Severity.NOTICE,
                      homes.links, fix="nothing but a later ZFS: docs/storage.md#homes-and-quotas")


def _pool(server: FileServer, name: str, pool: Pool, vdevs: tuple[WantedVdev, ...], homes: str) -> Iterator[Finding]:
    facts = server.pools.get(name, PoolFacts())
    if facts.pool is None:
        yield Finding(f"pool {name} is not imported", server.machine, Severity.DOWN, fix="inv storage.apply --dry says what is there")
        return
    seen = facts.pool
    if seen.state != "ONLINE":
        yield Finding(f"pool {name} is {seen.state}", server.machine,
                      Severity.DEGRADED if seen.state == "DEGRADED" else Severity.DOWN, seen.advice,
                      fix="inv storage.disks says which disk" if seen.state == "DEGRADED" else
                      f"on {server.machine}: zpool status {name} says what is missing; when its disks answer again, zpool clear {name}")
    if seen.errors:
        yield _unreadable(server.machine, seen, homes)
    groups = {bay: vdev.group for vdev in vdevs for bay in vdev.disks}
    for disk in disks(server, name, vdevs):
        if disk.state not in ("ONLINE", "AVAIL"):
            yield Finding(f"disk {disk.bay} of pool {name} is {disk.state}", server.machine, evidence=disk.told,
                          fix=_spare(server.machine, seen, disk) if disk.state == "INUSE" else
                          _instead(server.machine, name, disk, groups.get(disk.bay, "")))
        elif any(disk.errors):
            yield Finding(f"disk {disk.bay} of pool {name} has had errors: {disk.errors[0]} read, {disk.errors[1]} write, "
                          f"{disk.errors[2]} checksum", server.machine, evidence=disk.told,
                          fix=f"on {server.machine}: smartctl -a {disk.path}; where that is well zpool clear {name}, "
                          f"else {_instead(server.machine, name, disk, groups.get(disk.bay, ''))}")
    for told in differences(vdevs, facts):
        yield Finding(told, server.machine, Severity.NOTICE, fix="hosts.yaml and configs/storage.yaml say what there should be")
    space = server.space.get(name)
    if space and space.percent >= FILLING:
        yield Finding(f"pool {name} is {space.percent} % full", server.machine,
                      Severity.DEGRADED if space.percent >= FULL else Severity.NOTICE,
                      fix=f"on {server.machine}: zfs list -r -o space {name} says what takes it, snapshots or files")
    yield from _ages(server, name, pool)


def _unreadable(machine: str, pool: PoolSeen, homes: str) -> Finding:
    """Files that are lost but for their earlier versions. Snapshots that have the same blocks of a file have lost them, too."""
    files, many = pool.damaged, len(pool.damaged)
    named = ", ".join(files[:5]) + (f", and {many - 5} more (on {machine}: zpool status -v {pool.name})" if many > 5 else "")
    fix = "bring each back from a copy, or delete it"
    in_home = re.compile(rf"{re.escape(homes)}/([^/]+/[^/]+)/(.+)", re.DOTALL)
    if homes and (found := next(filter(None, map(in_home.match, files)), None)):
        home, file = found[1], quote(found[2])
        fix = f"inv storage.versions {home} {file} says which snapshots have it, inv storage.restore {home} {file} --at TIME brings it " \
              "back if it can be read there; other files from a copy. Delete what cannot be read"
    what = f"{many} {'file' if many == 1 else 'files'}" if files else "something"
    return Finding(f"{what} in pool {pool.name} cannot be read", machine, Severity.DOWN, named or f"{pool.errors} blocks",
                   fix=f"{fix}, then twice on {machine}: zpool scrub -w {pool.name}")


def _spare(machine: str, pool: PoolSeen, disk: Disk) -> str:
    """How a spare that is in use is free again. A disk that was away and is back does not send it away by itself."""
    leaves = [leaf for vdev in pool.vdevs if vdev.group != "spare" for leaf in vdev.leaves]
    inner = {leaf.inner for leaf in leaves if leaf.path == disk.path}
    if [leaf.state for leaf in leaves if leaf.inner in inner and leaf.path != disk.path] == ["ONLINE"]:
        return f"the disk that it stands in for is there again; if that one can be trusted, on {machine}: zpool detach {pool.name} " \
               f"{disk.path}, else inv storage.replace of it"
    return "inv storage.replace of the disk that it stands in for"


def _instead(machine: str, pool: str, disk: Disk, group: str) -> str:
    """How another disk comes in the place of this one."""
    if group in ("spare", "cache"):
        return f"on {machine}: zpool remove {pool} {disk.path}; then zpool add {pool} {group} with the path of another"
    if disk.bay == "-":
        return "inv storage.replace of the bay that it is in"
    return f"inv storage.replace {disk.bay}" + ("" if disk.state == "empty" else ", once hosts.yaml has the path of another disk there")


def _ages(server: FileServer, name: str, pool: Pool) -> Iterator[Finding]:
    seen = server.pools[name].pool
    assert seen is not None
    scan = seen.scan
    since = scan.ended if scan and scan.function == "SCRUB" and scan.state == "FINISHED" else server.created.get(name, 0)
    if server.now - since > SCRUBBED * DAY and not (scan and scan.state == "SCANNING"):
        yield Finding(f"pool {name} has not been scrubbed for {(server.now - since) // DAY} days", server.machine,
                      fix=f"systemctl list-timers zfs-scrub-{pool.scrub}@{name}.timer says why")
    for dataset, one in pool.datasets.items():
        every = min((INTERVALS[key] for key, count in one.snapshots if count), default=0)
        full = f"{name}/{dataset}"
        newest = server.snapshots.get(full, Snapped(0, server.created.get(full, server.now))).newest
        if every and server.now - newest > 2 * every:
            yield Finding(f"the newest snapshot of {full} is {(server.now - newest) // 3600} hours old", server.machine,
                          fix="systemctl status sanoid.timer says why")
        if one.send is None:
            continue
        sent = server.sent.get(full)
        if sent is None:
            yield Finding(f"{full} has not been copied to {one.send.to} yet", server.machine, fix="inv storage.send")
        elif newest - sent > 2 * max(every, SENT):
            yield Finding(f"the copy of {full} at {one.send.to} is {(newest - sent) // 3600} hours behind", server.machine,
                          fix="inv storage.send says why")


@dataclass(frozen=True)
class Disk:
    """A disk of a pool, by its bay."""

    bay: str
    path: str
    serial: str
    size: int
    vdev: str
    state: str
    errors: tuple[int, int, int]

    @property
    def told(self) -> str:
        """What to look for on its label."""
        return f"{self.path}, serial {self.serial or 'unknown'}"


def disks(server: FileServer, name: str, vdevs: tuple[WantedVdev, ...]) -> Iterator[Disk]:
    """Each disk that the rack's files name for a pool, as it is there; then those that only the pool has."""
    facts = server.pools.get(name, PoolFacts())
    seen = {leaf.path: (vdev, leaf) for vdev in (facts.pool.vdevs if facts.pool else ()) for leaf in vdev.leaves}
    named = set()
    for vdev in vdevs:
        for bay, path in vdev.disks.items():
            kernel = facts.links.get(path, "")
            found = seen.get(path) or seen.get(kernel)
            named |= {path, kernel}
            if found:
                place, leaf = found
                size, serial = server.blocks.get(kernel.rpartition("/")[2], (0, facts.serials.get(path, "")))
                yield Disk(bay, path, serial, size, place.name, leaf.state, leaf.errors)
            elif path in facts.disks:
                disk = facts.disks[path]
                yield Disk(bay, path, disk.serial, disk.size, "", "; ".join(disk.contents) or "empty", (0, 0, 0))
            else:
                yield Disk(bay, path, "", 0, "", "not in its pool" if kernel and kernel != path else "not there", (0, 0, 0))
    for path, (place, leaf) in seen.items():
        if path not in named:
            yield Disk("-", path, "", 0, place.name, leaf.state, leaf.errors)


def unnamed(machine: Machine, server: FileServer) -> list[tuple[str, int, str]]:
    """Whole disks whose serial number no disk of the rack's files has: kernel's name, size, serial."""
    known = {disk.serial for disk in machine.hardware.disks.values()}
    links = {kernel for facts in server.pools.values() for kernel in facts.links.values()}
    serials = known | {disk.serial for facts in server.pools.values() for disk in facts.disks.values()}
    return [(name, size, serial) for name, (size, serial) in sorted(server.blocks.items())
            if f"/dev/{name}" not in links and serial not in serials]
