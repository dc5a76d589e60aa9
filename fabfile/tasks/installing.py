"""From a machine with an empty disk to a node: ordered, armed, watched, its key learned, and added."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.ordering import EVERY, carried_out, unwatched
from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.facts.netboot import Ordered
    from fabfile.rack import Machine, Rack
    from fabfile.resources.order import Order

COMES_UP = 900.0  # seconds that a machine may take from the end of its installer to its sshd


@task(help={
    "machine": "Its name in hosts.yaml.",
    "again": "A new order after one that failed; what it wrote is overwritten.",
    "reinstall": "Install it again; a former system on them (ext, LVM, RAID …) is lost.",
    "wipe": "Permit that anything on these is lost (/dev/disk/by-id/…,…).",
    "image": "Write a disk image (image.build) in place of Debian's installer.",
    "dry": "Dry run: show disks and what is on them; change nothing, exit 3.",
})
def install(c: Context, machine: str, again: bool = False, reinstall: bool = False, wipe: str = "", image: bool = False,
            dry: bool = False) -> None:
    """Install a machine over the network, and add it.

    Its BMC switches it on; without one, you are asked to. Only the disks that
    hosts.yaml names for its system are ever written. They must be empty, unless
    --reinstall, --wipe or --again permits that what they have is lost. Typed again,
    it continues an installation. Without a cluster it ends with the system, and
    cluster.bootstrap adds the node.
    """
    from fabfile.rack import RackProblems
    from fabfile.tasks.chicks import a_present_chick
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.starting import boot_as_usual

    rack = the_rack()
    box = a_present_chick(rack, machine)
    order = _order(rack, box, wipe, again or reinstall)
    done = carried_out(rack, box, _by_image(rack, box, order) if image else order, dry=dry, again=again, reinstall=reinstall)
    try:
        _learn(rack, box, done)
        boot_as_usual(rack, box)
    except RackProblems as wrong:
        raise Exit(str(wrong), code=2) from None
    except KeyboardInterrupt:
        raise unwatched(box) from None
    _join(the_rack(), machine)


def _order(rack: Rack, box: Machine, wipe: str, former: bool) -> Order:
    """A new order, never to be claimed unless it is armed; the task ends with code 2 when the files do not say enough."""
    from secrets import token_hex

    from fabfile.facts.installing import lacking
    from fabfile.rack import RackProblems
    from fabfile.resources.installation import disks_of, written_disks
    from fabfile.resources.order import Order

    if problems := list(lacking(rack, box)):
        raise Exit(str(RackProblems(problems)), code=2)
    disks = written_disks(rack, box)
    wiped = disks_of(wipe)
    if others := [one for one in wiped if one not in disks]:
        raise Exit(f"--wipe: {box.name}'s order does not write {', '.join(others)}, but {', '.join(disks)}", code=2)
    return Order(token_hex(6), box.name, wiped, former, disks)


def _by_image(rack: Rack, box: Machine, order: Order) -> Order:
    """The same order, which is done by an image that rooster has; the task ends with code 2 when it cannot be."""
    from dataclasses import replace

    from fabfile.roles.image import image, question
    from fabfile.tasks.queries import asked_of
    from fabfile.upstream.preseed import name_of, system_of

    system = name_of(rack, box)
    if system_of(rack, box).layout != "plain":
        raise Exit(f"an image has the layout plain, and {system} has {system_of(rack, box).layout}: without --image", code=2)
    found = image(system, asked_of(rack, rack.gateway, question(system)))
    if found is None:
        raise Exit(f"there is no image of {system} on {rack.gateway.name}, or an older Coop's: inv image.build --system {system}", code=2)
    return replace(order, kind="image", image=found)


def _learn(rack: Rack, box: Machine, order: Ordered) -> None:
    """Pins the host key that the installer reported, when the machine shows that very key."""
    from fabfile.engine.errors import LinkError
    from fabfile.engine.scan import scan
    from fabfile.rack import host_keys
    from fabfile.rack.files import HOSTS
    from fabfile.tasks.local_files import rewrite
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.recording import confirm, end
    from fabfile.tasks.recording import shown as fingerprint

    word = order.word("finished")
    reported = word.text.strip() if word else ""
    if reported and reported == box.host_key:
        return
    confirm(rack, box, order, reported)
    end(rack, box)
    print("        it starts from its own disk", flush=True)
    until = time.monotonic() + COMES_UP
    while True:
        try:
            shown = scan(rack, box)
            break
        except LinkError as error:
            if time.monotonic() > until:
                raise Exit(f"{box.name} does not come up from its disk: {error}. See its screen; is the network before the disk, "
                           f"and does it go on to the disk? Then: inv node.install {box.name}", code=1) from None
            time.sleep(EVERY)
    if shown != reported:
        raise Exit(f"{box.name} shows another host key than its installer reported: {fingerprint(shown)}, not "
                   f"{fingerprint(reported)}. Nothing was said to it", code=1)
    rewrite(rack.folder / HOSTS, lambda text: host_keys.with_host_key(text, box.name, shown))
    print(f"        its host key {fingerprint(shown)} is the one reported: {HOSTS} has it now", flush=True)
    known = the_rack()
    made_by = asked_of(known, known.machine(box.name), "cat /etc/coop/order")
    if made_by.strip() != order.id:
        raise Exit(f"{box.name} was started from another system than order {order.id} made: /etc/coop/order says {made_by.strip()!r}. "
                   "Which disk does its firmware start from?", code=1)


def _join(rack: Rack, machine: str) -> None:
    """Into the cluster; where there is none yet, what to type once every machine has its system."""
    from fabfile.engine.lock import PATIENCE
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.steps import add_steps
    from fabfile.upstream.paths import ADMIN_CONF

    leader = rack.leader
    if leader.name == machine or not leader.host_key or not asked_of(rack, leader, f"[ ! -e {ADMIN_CONF} ] || echo there").strip():
        print(f"{machine} is installed. When the rack's other machines are, too: inv cluster.bootstrap")
        return
    converge(command(), lambda rack: add_steps(rack, rack.machine(machine)), patience=PATIENCE)
