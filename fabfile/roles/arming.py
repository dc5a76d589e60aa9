"""An order on rooster: made aside, looked at by the programs that know its files, and armed by one rename."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.resources.installation import BOOT
from fabfile.resources.order import Order
from fabfile.roles.netboot import armed_files, link


def arm(rack: Rack, machine: Machine, order: Order, about: Mapping[str, str], seconds: int) -> str:
    """Shell text for rooster. It fails, and the machine is not armed, when it is armed already, when what it
    boots is not there, or when a file is not what its program reads."""
    place = f"{BOOT}/at/{machine.address()}"
    new = f"{place}/arming-{order.id}"
    texts, links = armed_files(rack, machine, order)
    folders = sorted({f"{new}/{name}".rpartition("/")[0] for name in (*texts, *links)})
    about = {"id": order.id, "machine": machine.name, "kind": order.kind, "disks": " ".join(order.disks), **about}
    written = "\n".join(f"printf %s {quote(text)} >{new}/{name}" for name, text in texts.items())
    return f"umask 022; rm -rf {place}/arming-*; mkdir -p {' '.join(folders)}\n{written}\n" + shell(
        "arm", machine=machine.name, gateway=rack.gateway.name, place=place, new=new, id=order.id, tftp=link(machine),
        links="\n".join(f"{name} {target}" for name, target in links.items()), seconds=str(seconds),
        fix="inv image.build" if order.in_ram else "inv gateway.apply",
        order="\n".join(f"{key} {value}" for key, value in about.items()))


def withdraw(machine: Machine) -> str:
    """Shell text for rooster: the machine is not armed any more. It fails when it is not armed, or has claimed its order."""
    place = f"{BOOT}/at/{machine.address()}"
    return (f"id=$(sed -n 's/^id //p' {place}/armed/order 2>/dev/null)\n"
            f"[ -n \"$id\" ] && mv -T {place}/armed {place}/withdrawn-$id || {{ echo '{machine.name} is not armed' >&2; exit 1; }}\n"
            f"echo \"{machine.name} is not armed any more: order $id is withdrawn\"")


def shown(machine: Machine, order: str) -> str:
    """Shell text for rooster: the order's result was shown."""
    return f": >{BOOT}/at/{machine.address()}/said/{quote(order)}/shown"


def agree(machine: Machine, order: str, report: str) -> str:
    """Shell text for rooster: the order may be claimed by the machine that reported this. It fails when another one is armed."""
    from hashlib import sha256

    place = f"{BOOT}/at/{machine.address()}/armed"
    told = sha256(f"{report}\n".encode()).hexdigest()
    return (f"[ \"$(sed -n 's/^id //p' {place}/order)\" = {quote(order)} ] || {{ echo 'order {order} is armed no more' >&2; exit 1; }}\n"
            f"umask 022; echo {told} >{place}/http/consent.new; mv {place}/http/consent.new {place}/http/consent")
