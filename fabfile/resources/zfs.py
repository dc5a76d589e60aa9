"""ZFS itself: the id by which it knows the machine, and the parameters of its module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from . import parts
from .base import Change, Command, Resource
from .file import File


@dataclass(frozen=True)
class HostId(Resource):
    """/etc/hostid, by which ZFS knows the machine: the same after a reinstallation, so that its pools are imported without
    force. While a pool is imported it stays as it is: at the next boot the pool would be another machine's."""

    hostid: int

    @property
    def name(self) -> str:
        return "hostid"

    def file(self) -> File:
        return File("/etc/hostid", self.hostid.to_bytes(4, "little"))

    def probe(self) -> str:
        return parts.probe("ls -d /proc/spl/kstat/zfs/*/ 2>/dev/null || :", self.file().probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        pools, kept = parts.facts(facts, 2)
        if not pools.strip():
            yield from self.file().changes(kept, altered)


@dataclass(frozen=True)
class ZfsParameters(Resource):
    """Parameters of the module, now and at every boot. Without `zfs_arc_max` the cache takes three quarters of the memory at
    most: by itself it would take nearly all."""

    parameters: Mapping[str, int]

    @property
    def name(self) -> str:
        return "parameters of zfs"

    def file(self, memory: int) -> File:
        wanted = {"zfs_arc_max": memory * 3 // 4 // (1 << 20) << 20, **self.parameters}
        return File("/etc/modprobe.d/coop-zfs.conf", "".join(f"options zfs {key}={value}\n" for key, value in sorted(wanted.items())))

    def probe(self) -> str:
        keys = " ".join(sorted({"zfs_arc_max", *self.parameters}))
        live = (f"sed -n 's/^MemTotal: *\\([0-9]*\\) kB/memory \\1/p' /proc/meminfo\n"
                f"for p in {keys}; do echo \"$p $(cat /sys/module/zfs/parameters/$p 2>/dev/null)\"; done")
        return parts.probe(live, self.file(0).probe())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept = parts.facts(facts, 2)
        now = {words[0]: words[1] for words in map(str.split, live.splitlines()) if len(words) == 2}
        file = self.file(int(now.get("memory", "0")) * 1024)
        yield from file.changes(kept, altered)
        for line in str(file.content).splitlines():
            key, _, value = line.removeprefix("options zfs ").partition("=")
            if now.get(key, value) != value:
                yield Change(f"{key} is {now[key]}, should be {value}", (Command(f"echo {value} >/sys/module/zfs/parameters/{key}"),))
