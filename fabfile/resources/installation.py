"""What an installer runs on one machine, before its first write and at its end, with everything that they are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fabfile import programs
from fabfile.rack import Machine, Rack
from fabfile.upstream.preseed import served_at, system_of

BOOT = "/srv/coop/boot"  # on rooster
LOGS = "/var/log/coop-boot"  # there: what nginx wrote of boots
BY_ID = "/dev/disk/by-id/"


@dataclass(frozen=True)
class Order:
    """One installation of one machine: it may be claimed once."""

    id: str  # twelve hexadecimal digits
    machine: str
    wipe: tuple[str, ...] = ()  # disks, by id, of which whatever lies there may go
    former: bool = False  # what an earlier installation made there may go
    disks: tuple[str, ...] = field(default=())  # by id; the first one is the system's


def written_disks(rack: Rack, machine: Machine) -> tuple[str, ...]:
    """The disks that an installation writes, as hosts.yaml names them; less than the layout wants when they are not all
    named."""
    roles = ("system", "mirror") if "mirror" in system_of(rack, machine).layout else ("system",)
    return tuple(machine.disks[role] for role in roles if role in machine.disks)


def guard(rack: Rack, machine: Machine, order: Order, *, dev: str = "/dev", sys: str = "/sys") -> str:
    """The text of guard.sh for one order, behind disks.sh."""
    on_file, known = machine.hardware, machine.hardware.disks
    return programs.shell(
        "disks", "guard", order=order.id, machine=machine.name, rooster=served_at(rack), serial=on_file.serial or "",
        uuid=on_file.uuid or "", firmware=on_file.firmware or "", layout=system_of(rack, machine).layout,
        disks="\n".join(f"{_id(disk)} {known[disk].size} {known[disk].serial}" for disk in order.disks),
        wipe=" ".join(map(_id, order.wipe)), former="yes" if order.former else "", dev=dev, sys=sys)


def late(rack: Rack, machine: Machine, order: Order, *, target: str = "/target", console: str = "/dev/console") -> str:
    """The text of late.sh for one order."""
    from urllib.parse import urlsplit

    assert rack.install is not None
    system = system_of(rack, machine)
    return programs.shell(
        "late", order=order.id, rooster=served_at(rack), user=rack.operator.user, keys=_lines(rack.install.authorized_keys),
        mirror=system.mirror.rstrip("/"), security=system.security.rstrip("/"),
        mirror_path=urlsplit(system.mirror).path.rstrip("/"), security_path=urlsplit(system.security).path.rstrip("/"),
        target=target, console=console)


def disarm(boot: str = BOOT) -> str:
    """The text of disarm.sh, which rooster runs each minute."""
    return programs.shell("disarm", boot=boot)


def _id(disk: str) -> str:
    return disk.removeprefix(BY_ID)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)
