"""One installation on a screen: what will be written, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fabfile.facts.hardware import disks
from fabfile.facts.installing import other_control_planes
from fabfile.resources.order import KINDS
from fabfile.screen.netboot import moment

if TYPE_CHECKING:
    from fabfile.facts.netboot import Boots, Ordered, Word
    from fabfile.rack import Machine, Rack
    from fabfile.resources.order import Order


def plan_text(rack: Rack, machine: Machine, order: Order, files: Iterable[str], layout: str, report: Word | None) -> str:
    """What is about to happen, before anybody agrees to it. `report`: what the machine said last of its disks."""
    on_file, inner = machine.hardware, machine.inner
    known = ", ".join(f"{key} {value}" for key, value in (("UUID", on_file.uuid), ("serial number", on_file.serial),
                                                           ("firmware", on_file.firmware)) if value)
    assert rack.install is not None
    place = [f"  order    {order.id}; the machine has {rack.install.window} to claim it, and can claim it once",
             f"  machine  {', '.join(filter(None, (known, f'MAC {inner.mac}, address {machine.address()}')))}"]
    if order.in_ram and not order.about.installs:
        return "\n".join([f"{machine.name} will {order.about.does}:", *place, *_disks_in_ram(machine, order)])
    how = f"layout {layout}{', by its image' if order.image else ''}"
    lines = [f"{machine.name} will be installed with Debian 13, {machine.install or rack.install.default}, {how}:",
             *place]
    for disk in order.disks:
        may = "whatever lies there may go" if disk in order.wipe else \
            "what an earlier installation made there may go" if order.former else "it has to be empty"
        about = on_file.disks[disk]
        lines += [f"  writes   {disk}", f"           {about.size} bytes, serial number {about.serial}; {may}",
                  f"           {_held(machine, disk, report)}"]
    if machine.host_key and machine in rack.control_planes and not other_control_planes(rack, machine):
        lines.append("  loses    the cluster, and all that is in it: this is its only control plane")
    lines += ["  reads    no other disk: all others are made read-only first",
              f"  files    {', '.join(sorted(files))}",
              f"  then     its host key goes into hosts.yaml, and inv node.add {machine.name} takes it into the cluster"]
    return "\n".join(lines)


def _held(machine: Machine, disk: str, report: Word | None) -> str:
    held = [one.holds for one in disks(report.text) if disk.rpartition("/")[2] in one.ids.split()] if report else []
    if report is None or not held:
        return f"what it holds is not known: inv rack.scan {machine.name} --netboot"
    return f"it held {held[0]}, {moment(report.time)}"


def _disks_in_ram(machine: Machine, order: Order) -> Iterator[str]:
    for disk in order.disks:
        about = machine.hardware.disks[disk]
        yield f"  writes   {disk}"
        yield f"           {about.size} bytes, serial number {about.serial}; you are asked when it has shown what lies there"
    yield {"all": "  writes   nothing by itself; whoever logs in may write every disk",
           "nothing": "  writes   nothing: every disk is read-only",
           "named": "  reads    no other disk: all others are read-only"}[order.about.writes]


def disks_text(report: str) -> str:
    """What a machine has reported of its disks, one a line: "sda, 240057409536 bytes, serial number S2TV: gpt ext4"."""
    return "\n".join(f"  {one.name}, {one.size} bytes, serial number {one.serial}: {one.holds}" for one in disks(report))


def progress_text(boots: Boots, machine: Machine, order: Ordered, console: str = "") -> str:
    """How far an order has come, in one line; the same line while nothing new is known. `console` is the end of what the machine's
    console said."""
    from fabfile.facts.console import stage

    before = _progress(boots, machine, order)
    further = stage(console) if order.state in ("armed", "claimed") else ""
    return f"{before} (its console: {further})" if further else before


def quiet_text(boots: Boots, machine: Machine, order: Ordered, console: str) -> str:
    """What there is to say of a machine that says nothing new to rooster."""
    from fabfile.facts.console import last

    line = last(console)
    on_console = f"the last line of its console: {line}" if line else "its console is not read, or says nothing: see its screen"
    hint = "" if order.state != "armed" or order.words or _has_asked(boots, machine, order) else \
        f". Did it boot from the network? inv node.boot-next {machine.name} network, then inv node.power {machine.name} cycle"
    return f"nothing new for two minutes; {on_console}{hint}"


def _has_asked(boots: Boots, machine: Machine, order: Ordered) -> bool:
    """Whether it has booted from the network since it was armed."""
    return boots.asked.get(str(machine.address()), (0, ""))[0] >= order.since


def _progress(boots: Boots, machine: Machine, order: Ordered) -> str:
    _, asked = boots.asked.get(str(machine.address()), (0, ""))
    if order.state == "armed":
        if not _has_asked(boots, machine, order):
            return "it has asked for nothing yet"
        if "/guard" in asked or "/job" in asked or order.words:
            return "it looks at itself and its disks"
        return "it loads its installer's components" if "/pool/" in asked else f"it loads: {asked}"
    if order.state == "claimed":
        doing = KINDS[order.kind].doing
        told = order.word("progress")
        since = f"; {told.text.strip()}, {moment(told.time)}" if told else ""
        return f"it has claimed order {order.id} {doing}{'; it fetches packages' if '/pool/' in asked else since}"
    if order.state == "finished":
        return f"{KINDS[order.kind].done}, {moment(order.since)}"
    return f"order {order.id} is {order.state}"
