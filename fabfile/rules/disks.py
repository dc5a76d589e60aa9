"""Disks, memory and other hardware, as the kernel and the disks themselves tell."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.facts.machine import moment
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, on, on_shell, rule

FULL, NEARLY_FULL = 95, 85  # percent of a disk: kubelet evicts pods below 15 % free of its images' disk
_STOPPED = ("kubelet_not_running", "containerd_not_running", "etcd_down", "api_server_down", "node_not_ready", "node_pressure",
            "unit_failed", "pod_not_ready", "component_down")


@rule(here=(*_STOPPED, "disk_read_only", "disk_full"), everywhere=())
def disk_failing(look: Look) -> Found:
    """The kernel reports errors of a disk or its file system, or SMART says that a disk fails."""
    for name, state in look.machines.items():
        replace = "inv hub.status; " if look.rack.machines[name].is_member else ""
        drain = f"inv node.remove {name}, then replace the disk" if look.rack.machines[name].is_member else "replace the disk"
        for line in state.lines("smart"):
            disk, health, *bad = line.split()
            if health not in ("PASSED", "OK") or bad:
                yield Finding(f"{disk} of {name} is failing", name, Severity.DEGRADED, f"SMART: {health} {' '.join(bad)}".strip(),
                              fix=drain)
        if error := state.text("disk-error"):
            at, _, told = error.partition(" ")
            yield Finding(f"{name} reports errors of a disk", name, Severity.DEGRADED, told, moment(at.partition(".")[0]),
                          f"{replace}{drain}")


@rule()
def raid_degraded(look: Look) -> Found:
    """A RAID of the kernel's (md) has lost a disk: the next one takes its data with it."""
    for name, state in look.machines.items():
        for line in state.lines("raid"):
            array, disks, shown, *progress = line.split()
            of, there = disks.split("/")
            yield Finding(f"{array} of {name} has {there} of {of} disks", name, Severity.NOTICE if progress else Severity.DEGRADED,
                          f"[{shown}]" + "".join(f", and is being filled again: {percent}" for percent in progress),
                          fix=f"wait: {on(name, 'cat /proc/mdstat')}" if progress else
                          f"{on(name, f'mdadm --detail /dev/{array}')}; then docs/install.md#a-disk-of-a-mirror")


@rule(here=_STOPPED)
def disk_read_only(look: Look) -> Found:
    """A file system that must be written to is mounted read-only, as after errors of its disk."""
    for name, state in look.machines.items():
        for place in state.lines("read-only"):
            yield Finding(f"{place} of {name} is read-only", name, Severity.DOWN, fix=f"inv node.reboot {name} checks it; then its disk: "
                          + on(name, "journalctl -k -g error"))


@rule(here=_STOPPED, everywhere=("hub_api_silent", "hub_pod_not_ready"))
def disk_full(look: Look) -> Found:
    """A disk is full by 95 percent or more, or has no inodes left."""
    for name, state in look.machines.items():
        full = {place: f"{used} %" for place, used in state.percents("disk").items() if used >= FULL and place != "/boot"}
        full |= {place: "no inodes left" for place, used in state.percents("inodes").items() if used >= FULL}
        for place, used in full.items():
            yield Finding(f"{place} of {name} is full", name, Severity.DOWN, used, fix=_largest(name, place))


@rule(here=("node_pressure",))
def disk_nearly_full(look: Look) -> Found:
    """A disk is full by 85 percent or more: kubelet is about to end pods."""
    for name, state in look.machines.items():
        for place, used in state.percents("disk").items():
            if NEARLY_FULL <= used < FULL or (place == "/boot" and used >= FULL):
                yield Finding(f"{place} of {name} is {used} % full", name, Severity.DEGRADED, fix=_largest(name, place))


def _largest(name: str, place: str) -> str:
    clean = "" if place == "/boot" else "crictl rmi --prune; "
    return on_shell(name, f"{clean}apt-get clean; journalctl --vacuum-size=200M; du -xhd 3 {place} | sort -h | tail")


@rule(here=("node_pressure", "kernel_killed"))
def memory_short(look: Look) -> Found:
    """A machine has less than five percent of its memory left."""
    for name, state in look.machines.items():
        if state.text("memory").isdigit() and int(state.text("memory")) >= 95:
            yield Finding(f"{name} has {100 - int(state.text('memory'))} % of its memory left", name, Severity.DEGRADED,
                          fix=f"kubectl top pods -A --sort-by=memory, or {on(name, 'ps axo rss,cmd --sort -rss')}")


@rule()
def kernel_killed(look: Look) -> Found:
    """The kernel ended a program because the whole machine ran out of memory; within the last six hours."""
    for name, state in look.machines.items():
        if told := state.text("oom"):
            at, _, line = told.partition(" ")
            yield Finding(f"{name} ran out of memory, and its kernel ended a program", name, Severity.NOTICE, line,
                          moment(at.partition(".")[0]), "lower singleuser.memory in configs/hub.yaml, or add memory")


@rule(here=("node_not_ready",))
def hardware_error(look: Look) -> Found:
    """The kernel reports an error of a processor or of memory; within the last six hours."""
    for name, state in look.machines.items():
        if told := state.text("hardware-error"):
            at, _, line = told.partition(" ")
            yield Finding(f"{name} reports an error of its hardware", name, Severity.DEGRADED, line, moment(at.partition(".")[0]),
                          f"inv rack.scan {name} --check; then drain it and replace the part: inv node.remove {name}")


@rule(here=("node_not_ready", "pod_not_ready", "pod_stuck_ending"))
def share_hangs(look: Look) -> Found:
    """An NFS share that a machine has mounted does not answer."""
    for name, state in look.machines.items():
        if mounts := state.lines("hung"):
            server = next((one.name for one in look.rack.storage_hosts), "the file server")
            yield Finding(f"{len(mounts)} NFS shares on {name} do not answer", name, Severity.DOWN, ", ".join(mounts[:3]),
                          fix=f"is {server} on, and does it export? fab -H {name} -- showmount -e {server}; "
                              "what hangs goes on when it is back")
