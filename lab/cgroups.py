"""Control groups: one a machine, in every hierarchy of this computer, version 1, 2 or both."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hierarchy:
    """One tree of control groups."""

    controllers: str  # as mount(8) wants them: "memory", "cpu,cpuacct", "name=systemd"; empty for version 2
    mounted: Path  # where this computer sees it
    own: str  # the group of the process that asked, "/" for the root

    @property
    def folder(self) -> str:
        """The name under /sys/fs/cgroup inside a machine: "memory", "cpu,cpuacct", "systemd"."""
        return self.controllers.removeprefix("name=")


def read_hierarchies(membership: str, mounts: str) -> tuple[Hierarchy, ...]:
    """The hierarchies that can be used, from /proc/self/cgroup and /proc/self/mountinfo; version 1 first."""
    places: dict[frozenset[str], tuple[Path, str]] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2":
            places.setdefault(frozenset(), (Path(point), root))
        elif kind == "cgroup":
            places.setdefault(frozenset(options.split(",")), (Path(point), root))
    found = []
    for line in membership.splitlines():
        number, controllers, own = line.split(":", 2)
        names = frozenset(filter(None, controllers.split(",")))
        for options, (point, root) in places.items():
            if (not names and not options) or (names and names <= options):
                if root != "/" and (own + "/").startswith(root + "/"):  # a part of the tree is mounted
                    own = own[len(root):] or "/"
                found.append((number == "0", Hierarchy(controllers, point, own)))
                break
    return tuple(hierarchy for _, hierarchy in sorted(found, key=lambda pair: pair[0]))


def this_computers() -> tuple[Hierarchy, ...]:
    return read_hierarchies(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())


def is_version_2(hierarchies: tuple[Hierarchy, ...]) -> bool:
    """True when the computer has version 2 alone."""
    return not any(hierarchy.controllers for hierarchy in hierarchies)


@dataclass(frozen=True)
class Groups:
    """A lab's groups: in each hierarchy a folder named after the lab, and in it one a machine."""

    name: str
    hierarchies: tuple[Hierarchy, ...]

    def bases(self) -> Iterator[tuple[Hierarchy, Path]]:
        """The lab's folder in each hierarchy.

        In version 1 it lies in the caller's own group, whose limits then hold for the lab too. In version 2 a
        group that has processes cannot hand controllers on, so it lies at the top.
        """
        alone = is_version_2(self.hierarchies)
        for hierarchy in self.hierarchies:
            own = "" if alone else hierarchy.own.strip("/")
            yield hierarchy, hierarchy.mounted / own / self.name

    def make(self, group: str) -> None:
        """Make a machine's group, with all controllers handed on to it."""
        alone = is_version_2(self.hierarchies)
        for hierarchy, base in self.bases():
            for folder in (base, base / group):
                folder.mkdir(exist_ok=True)
                if "cpuset" in hierarchy.controllers.split(","):  # empty at first: nothing could run
                    for file in ("cpuset.cpus", "cpuset.mems"):
                        if not (folder / file).read_text().strip():
                            (folder / file).write_text((folder.parent / file).read_text())
                    (folder / "cgroup.clone_children").write_text("1")
            if alone:
                for folder in (base.parent, base):
                    for controller in (folder / "cgroup.controllers").read_text().split():
                        with suppress(OSError):  # one that cannot be handed on here
                            (folder / "cgroup.subtree_control").write_text(f"+{controller}")

    def join(self, group: str) -> None:
        """Move the calling process there; "0" is the caller, whatever number it has in whose eyes."""
        for _, base in self.bases():
            (base / group / "cgroup.procs").write_text("0")

    def processes(self, group: str = "") -> set[int]:
        """All process ids in a machine's group, or in the whole lab, with the groups beneath."""
        found: set[int] = set()
        for _, base in self.bases():
            for folder, _, files in os.walk(base / group):
                if "cgroup.procs" in files:
                    with suppress(OSError):
                        found |= {int(line) for line in Path(folder, "cgroup.procs").read_text().split()}
        return found - {0}

    def thaw(self, group: str = "") -> None:
        """Let processes go that were frozen there: in version 1 not even SIGKILL ends one before. runc freezes a
        container for a moment whenever it changes its limits, and may itself be killed meanwhile."""
        for hierarchy, base in self.bases():
            if hierarchy.controllers == "freezer":
                for folder, _, _ in os.walk(base / group):
                    with suppress(OSError):  # it went away meanwhile
                        Path(folder, "freezer.state").write_text("THAWED")

    def memory(self, group: str) -> int:
        """Bytes in use by a machine, without its page cache where version 1 counts it apart."""
        for hierarchy, base in self.bases():
            with suppress(OSError, StopIteration):
                if hierarchy.controllers == "memory":
                    stat = (base / group / "memory.stat").read_text().splitlines()
                    return int(next(line.split()[1] for line in stat if line.startswith("total_rss ")))
                if not hierarchy.controllers:
                    return int((base / group / "memory.current").read_text())
        return 0

    def cpu(self, group: str) -> float:
        """Seconds of processor time that a machine's processes have used, also those that have ended."""
        for hierarchy, base in self.bases():
            if "cpuacct" in hierarchy.controllers.split(","):
                return int((base / group / "cpuacct.usage").read_text()) / 1e9
            if not hierarchy.controllers and (base / group / "cpu.stat").exists():
                stat = dict(line.split() for line in (base / group / "cpu.stat").read_text().splitlines())
                return int(stat["usage_usec"]) / 1e6
        return 0.0

    def remove(self, group: str = "", limit: float = 10.0) -> None:
        """Remove a group and what lies beneath. TimeoutError if processes are left in it after `limit` s."""
        until = time.monotonic() + limit
        for _, base in self.bases():
            while (base / group).is_dir():
                for folder, _, _ in os.walk(base / group, topdown=False):
                    with suppress(OSError):  # the last process of it is still on its way out
                        os.rmdir(folder)
                if (base / group).is_dir():
                    if time.monotonic() > until:
                        raise TimeoutError(f"the control group {base / group} does not become empty")
                    time.sleep(0.02)
