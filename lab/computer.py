"""What the lab needs from its computer, and the one setting that is changed while a lab runs."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .cgroups import Hierarchy, is_version_2, this_computers

PROGRAMS = {  # program → the package it comes in
    "chroot": "coreutils", "ip": "iproute2", "nsenter": "util-linux", "openssl": "openssl",
    "ssh": "openssh-client", "ssh-keygen": "openssh-client",
}
CONTROLLERS = {"cpu", "cpuacct", "cpuset", "memory", "pids"}  # what kubelet counts and limits by
FEATURES = {  # module → the file that shows that the kernel can do it
    "overlay": "/sys/module/overlay",
    "br_netfilter": "/proc/sys/net/bridge",
    "nf_conntrack": "/proc/sys/net/netfilter",
}
ROOM = 10  # GB: what a lab of five machines may grow to
LABS = Path("/run/netns")  # where every lab has a namespace named coop-NAME-internet
FORMER = Path("/run/coop-lab/limits.json")  # gone with a reboot of the computer, as what was raised
LIMITS = {"fs.inotify.max_user_instances": 8192, "fs.inotify.max_user_watches": 1_048_576}


def lacking(folder: Path) -> Iterator[str]:
    """One sentence for each thing that this computer lacks to hold a lab in `folder`."""
    if os.geteuid() != 0:
        yield "the lab makes namespaces and mounts: run it as root"
        return
    packages = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if packages:
        yield f"programs are missing: apt-get install {' '.join(packages)}"
    for module, sign in FEATURES.items():
        if not Path(sign).exists() and shutil.which("modprobe"):
            subprocess.run(["modprobe", "--quiet", module], check=False)
        if not Path(sign).exists():
            yield f"the kernel lacks {module}: modprobe {module}"
    if missing := lacking_controllers(this_computers()):
        yield f"control groups lack {', '.join(sorted(missing))}: is all of /sys/fs/cgroup mounted here?"
    folder = next(each for each in (folder, *folder.parents) if each.exists())
    if file_system(folder, Path("/proc/self/mountinfo").read_text()) == "overlay":
        yield f"{folder} lies on an overlay, where no second one can: set XDG_STATE_HOME to one on a disk"
    if (free := shutil.disk_usage(folder).free / 1e9) < ROOM:
        yield f"{folder} has {free:.0f} GB free and a lab may need {ROOM}: make room, or set XDG_STATE_HOME"


def lacking_controllers(hierarchies: tuple[Hierarchy, ...]) -> set[str]:
    """The control group controllers that kubelet needs and that are nowhere to be had."""
    if is_version_2(hierarchies):
        lists = [(each.mounted / "cgroup.controllers").read_text() for each in hierarchies]
        there = {name for names in lists for name in names.split()}
        return CONTROLLERS - {"cpuacct"} - there
    there = {name for each in hierarchies for name in each.controllers.split(",")}
    return (CONTROLLERS | {"name=systemd"}) - there


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder lies on, by /proc/self/mountinfo: "ext4"."""
    found = ("", "")
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4]
        if folder.is_relative_to(point) and len(point) >= len(found[0]):  # the later lies on top
            found = (point, after.split()[0])
    return found[1]


@contextmanager
def former_limits() -> Iterator[Path]:
    """The file that keeps the computer's own limits, for this process alone as long as the block lasts."""
    FORMER.parent.mkdir(exist_ok=True)
    with FORMER.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield FORMER


def raise_limits() -> None:
    """Raise what many machines share and would use up. Call it when the lab's namespaces are there."""
    with former_limits() as former:
        before = {name: int(setting(name).read_text()) for name in LIMITS}
        if not former.exists():
            former.write_text(json.dumps(before))
        put({name: max(value, before[name]) for name, value in LIMITS.items()})


def restore_limits() -> None:
    """Put the limits back if no lab is left on this computer, of whatever user."""
    with former_limits() as former:
        if former.exists() and not any(LABS.glob("coop-*-internet")):
            put(json.loads(former.read_text()))
            former.unlink()


def put(values: Mapping[str, int]) -> None:
    for name, value in values.items():
        setting(name).write_text(f"{value}\n")


def setting(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
