"""One installation on a screen: what will be written, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fabfile.screen.netboot import moment

if TYPE_CHECKING:
    from fabfile.facts.netboot import Boots, Ordered
    from fabfile.rack import Machine, Rack
    from fabfile.resources.installation import Order


def plan_text(rack: Rack, machine: Machine, order: Order, files: Iterable[str], layout: str) -> str:
    """What is about to happen, before anybody agrees to it."""
    on_file, inner = machine.hardware, machine.inner
    known = ", ".join(f"{key} {value}" for key, value in (("UUID", on_file.uuid), ("serial number", on_file.serial),
                                                           ("firmware", on_file.firmware)) if value)
    assert rack.install is not None
    if not order.disks:
        return (f"{machine.name} will be looked at by Debian's installer, and nothing is written: it reports its disks, UUID and serial "
                f"number, and switches itself off\n  order    {order.id}; it names no disk\n"
                f"  machine  MAC {inner.mac}, address {machine.address()}")
    lines = [f"{machine.name} will be installed with Debian 13, {machine.install or rack.install.default}, layout {layout}:",
             f"  order    {order.id}; the machine has {rack.install.window} to claim it, and can claim it once",
             f"  machine  {known}; MAC {inner.mac}, address {machine.address()}"]
    for disk in order.disks:
        may = "whatever lies there may go" if disk in order.wipe else \
            "what an earlier installation made there may go" if order.former else "it has to be empty"
        about = on_file.disks[disk]
        lines += [f"  writes   {disk}", f"           {about.size} bytes, serial number {about.serial}; {may}"]
    if machine.host_key and machine in rack.control_planes and len(rack.control_planes) == 1:
        lines.append("  loses    the cluster, and all that is in it: this is its only control plane")
    lines += ["  reads    no other disk: all others are made read-only first",
              f"  files    {', '.join(sorted(files))}",
              f"  then     its host key goes into hosts.yaml, and inv node.add {machine.name} takes it into the cluster"]
    return "\n".join(lines)


def progress_text(boots: Boots, machine: Machine, order: Ordered) -> str:
    """How far an order has come, in one line; the same line while nothing new is known."""
    address = str(machine.address())
    time, asked = boots.asked.get(address, (0, ""))
    if order.state == "armed":
        if time < order.since:
            return "it has asked for nothing yet"
        return "its installer looks at the machine" if "/guard" in asked or order.words else f"it loads: {asked}"
    if order.state == "claimed":
        return f"it has claimed order {order.id} and writes its disks; it fetches packages" if "/pool/" in asked else \
            f"it has claimed order {order.id} and writes its disks"
    if order.state == "finished":
        return f"its installer has finished, {moment(order.since)}"
    return f"order {order.id} is {order.state}"
