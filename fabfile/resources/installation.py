"""What runs on one machine that was armed, by Debian's installer or by the environment in RAM, with everything that it is given."""

from __future__ import annotations

from collections.abc import Iterable

from fabfile import programs
from fabfile.rack import Machine, Rack
from fabfile.resources.order import BEGINS, Order
from fabfile.upstream.preseed import served_at, system_of

BOOT = "/srv/coop/boot"  # on rooster
LOGS = "/var/log/coop-boot"  # there: what nginx wrote of boots
BY_ID = "/dev/disk/by-id/"


def written_disks(rack: Rack, machine: Machine) -> tuple[str, ...]:
    """The disks that an installation writes, as hosts.yaml names them; less than the layout wants when they are not all
    named."""
    roles = ("system", "mirror") if "mirror" in system_of(rack, machine).layout else ("system",)
    return tuple(machine.disks[role] for role in roles if role in machine.disks)


def disks_of(words: str) -> tuple[str, ...]:
    """Disks as somebody types them, separated by commas, with or without /dev/disk/by-id/; each once."""
    return tuple(dict.fromkeys(BY_ID + one.strip().removeprefix(BY_ID) for one in words.split(",") if one.strip()))


def guard(rack: Rack, machine: Machine, order: Order, *, dev: str = "/dev", sys: str = "/sys") -> str:
    """What Debian's installer runs before its first write: it looks, claims the order, and learns its disks' names."""
    return programs.shell("disks", "guard", "claim", "installer", layout=system_of(rack, machine).layout, frozen="",
                          **_given(rack, machine, order, dev, sys))


def job(rack: Rack, machine: Machine, order: Order, *, dev: str = "/dev", sys: str = "/sys") -> str:
    """What the environment in RAM runs for one order."""
    assert rack.install is not None
    facts = f"( {programs.body('hardware')} ) >\"$work/hardware\"\ntold hardware <\"$work/hardware\""
    begin, *rest = order.about.programs
    end = f"finish {order.about.end} </dev/null" if order.about.end else ""
    given = _given(rack, machine, order, dev, sys) | {
        "frozen": "yes", "keys": _lines(rack.install.authorized_keys), "home": "/root", "console": "/dev/console",
        "sshd": "/usr/sbin/sshd", "places": "1000", "seconds": str(order.seconds)}
    if order.image:
        # of the two host keys, the console is to say that of the new system alone, which `late` says
        given |= {"console": "/dev/null", "image": order.image.path, "sha256": order.image.sha256, "unpacked": str(order.image.size),
                  "begins": str(BEGINS), "domain": rack.network.domain, "mac": machine.inner.mac,
                  "serial_console": rack.install.console or "", "target": "/target", "late": late(rack, machine, order)}
    return "\n".join([programs.shell("disks", "guard", begin, **given), facts, *map(programs.body, ("claim", *rest)), end])


def _given(rack: Rack, machine: Machine, order: Order, dev: str, sys: str) -> dict[str, str]:
    """What the guard and the claim are told. A machine that is only looked at may be another than the one on file."""
    on_file, known = machine.hardware, machine.hardware.disks
    serial, uuid, firmware = (on_file.serial, on_file.uuid, on_file.firmware) if order.kind != "look" else ("", "", "")
    return {"order": order.id, "machine": machine.name, "rooster": served_at(rack), "serial": serial or "", "uuid": uuid or "",
            "firmware": firmware or "", "disks": "\n".join(f"{_id(disk)} {known[disk].size} {known[disk].serial}" for disk in order.disks),
            "writes": order.about.writes, "wipe": " ".join(map(_id, order.wipe)), "former": "yes" if order.former else "",
            "consent": "yes" if order.about.consent else "", "run": "/run/coop", "dev": dev, "sys": sys}


def late(rack: Rack, machine: Machine, order: Order, *, target: str = "/target", console: str = "/dev/console",
         sys: str = "/sys") -> str:
    """The text of late.sh for one order."""
    from urllib.parse import urlsplit

    assert rack.install is not None
    system = system_of(rack, machine)
    return programs.shell(
        "late", order=order.id, rooster=served_at(rack), user=rack.operator.user, keys=_lines(rack.install.authorized_keys),
        mirror=system.mirror.rstrip("/"), security=system.security.rstrip("/"),
        mirror_path=urlsplit(system.mirror).path.rstrip("/"), security_path=urlsplit(system.security).path.rstrip("/"),
        target=target, console=console, sys=sys)


def disarm(boot: str = BOOT) -> str:
    """The text of disarm.sh, which rooster runs each minute."""
    return programs.shell("disarm", boot=boot)


def _id(disk: str) -> str:
    return disk.removeprefix(BY_ID)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)
