"""From a machine with an empty disk to a node: ordered, armed, watched, its key learned, and added."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.ways import SshWays
    from fabfile.facts.installing import Seen
    from fabfile.facts.netboot import Boots, Ordered
    from fabfile.rack import Machine, Rack
    from fabfile.resources.installation import Order
    from fabfile.tasks.starting import Starter

EVERY = 5.0  # seconds between two looks at rooster
COMES_UP = 900.0  # seconds that a machine may take from the end of its installer to its sshd


@task(help={
    "machine": "Its name in hosts.yaml.",
    "again": "Restart an unfinished installation from the beginning.",
    "reinstall": "Overwrite a former system (ext, FAT, swap, LVM, RAID).",
    "wipe": "Overwrite whatever is on these disks (/dev/disk/by-id/…,…).",
    "look": "Netboot it, show its disks and UUID; write to no disk.",
    "dry": "Dry run: show what would be written, and always exit 3.",
})
def install(c: Context, machine: str, again: bool = False, reinstall: bool = False, wipe: str = "", look: bool = False,
            dry: bool = False) -> None:
    """Install a machine over the network, and add it.

    You switch it on when the task says so, also with --look, unless its BMC does.
    Without --reinstall or --wipe only empty disks are written.
    """
    from fabfile.facts.installing import stage
    from fabfile.rack import RackProblems
    from fabfile.screen.netboot import order_words
    from fabfile.tasks.chicks import a_present_chick
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.starting import starter

    rack = the_rack()
    box = a_present_chick(rack, machine)
    order = _order_to_look(rack, box) if look else _order(rack, box, wipe, again or reinstall)
    with connected(rack) as ways:
        boots = _look(rack, ways)
        former = boots.order(str(box.address()))
        match stage(boots, box, again, look):
            case "order":
                rack, _ = find_leader(ways, without=box)
                seen = _seen(rack, box, ways)
                _refuse(rack, box, seen, reinstall, look)
                _arm(rack, box, order, former if former and former.state == "armed" else None, starter(rack, box, ways), dry)
            case "failed":
                assert former is not None
                raise Exit(_failed(boots, box, former), code=1)
            case _ if dry:
                raise Exit(f"{machine}: {order_words(former)}", code=3)
            case "watch":
                _start_again(rack, box, boots, former, ways)
    try:
        done = _watch(rack, box, look)
        if look:
            _tell_hardware(box, done)
            return
        _learn(rack, box, done)
    except RackProblems as wrong:
        raise Exit(str(wrong), code=2) from None
    except KeyboardInterrupt:
        raise Exit(f"not watched any more; what was begun goes on. inv node.install {machine} watches it again, and "
                   f"inv gateway.netboot --disarm {machine} disarms it as long as it has not begun", code=130) from None
    _join(the_rack(), machine)


def _order(rack: Rack, box: Machine, wipe: str, former: bool) -> Order:
    """A new order, never to be claimed unless it is armed; the task ends with code 2 when the files do not say enough."""
    from secrets import token_hex

    from fabfile.facts.installing import lacking
    from fabfile.rack import RackProblems
    from fabfile.resources.installation import BY_ID, Order, written_disks

    if problems := list(lacking(rack, box)):
        raise Exit(str(RackProblems(problems)), code=2)
    disks = written_disks(rack, box)
    wiped = tuple(BY_ID + one.strip().removeprefix(BY_ID) for one in wipe.split(",") if one.strip())
    if others := [one for one in wiped if one not in disks]:
        raise Exit(f"--wipe: {box.name}'s order does not write {', '.join(others)}, but {', '.join(disks)}", code=2)
    return Order(token_hex(6), box.name, wiped, former, disks)


def _order_to_look(rack: Rack, box: Machine) -> Order:
    """An order that names no disk: its guard reports the machine, and cannot claim it."""
    from secrets import token_hex

    from fabfile.facts.installing import lacking
    from fabfile.resources.installation import Order

    if rack.install is None:
        raise Exit(str(next(lacking(rack, box))), code=2)
    return Order(token_hex(6), box.name)


def _look(rack: Rack, ways: SshWays) -> Boots:
    from fabfile.facts.netboot import parse, question
    from fabfile.tasks.queries import asked_of

    return parse(asked_of(rack, rack.gateway, question(), ways=ways))


def _seen(rack: Rack, box: Machine, ways: SshWays) -> Seen:
    """All that speaks against arming a machine, asked of rooster, of the cluster and of the machine itself."""
    from fabfile.engine.errors import LinkError
    from fabfile.engine.scan import scan
    from fabfile.facts import netboot
    from fabfile.facts.installing import Seen, known_question, member, member_question
    from fabfile.roles.netboot import IMAGES
    from fabfile.tasks.queries import ask, asked_of
    from fabfile.upstream.preseed import components_list

    questions = (known_question(box), netboot.kernels(IMAGES, components_list(rack, box)), netboot.foreign_dhcp(rack.gateway.inner.name))
    known, fits, foreign = (asked_of(rack, rack.gateway, question, 90.0, ways) for question in questions)
    is_member, unasked = False, ""
    others = [one for one in rack.control_planes if one is not box and one.host_key]  # without a key it never was in a cluster
    if others:
        asked = (rack.leader if rack.leader in others else others[0]).name
        answers, errors = ask(rack, {asked: member_question(box.name)}, 30.0, ways)
        is_member, unasked = member(box.name, answers[asked]) if answers else (False, str(errors[asked]))
    try:
        key = scan(rack, box)
    except LinkError:
        key = ""
    servers = netboot.foreign_servers(foreign)
    return Seen("known" in known.split(), netboot.misfit(fits), None if servers is None else tuple(servers), key, is_member, unasked)


def _refuse(rack: Rack, box: Machine, seen: Seen, reinstall: bool, look: bool) -> None:
    from fabfile.facts.installing import refusals

    if found := refusals(rack, box, seen, reinstall=reinstall, look=look):
        raise Exit("\n".join([*found, "nothing was armed"]), code=2)


def _start_again(rack: Rack, box: Machine, boots: Boots, order: Ordered | None, ways: SshWays) -> None:
    """A task that was killed after it had armed the machine may not have come to start it. Of one that has asked for its
    files since, the BMC is not asked."""
    from fabfile.tasks.starting import start, starter

    if order is None or order.state != "armed" or boots.asked.get(str(box.address()), (0, ""))[0] >= order.since:
        return
    by = starter(rack, box, ways)
    if by.interrupts:
        print(f"{box.name} is on, and has asked for nothing yet. If it runs its former system: inv node.boot-next {box.name} network, "
              f"then inv node.power {box.name} cycle")
    elif by.known is not None:
        start(rack, box, by)


def _arm(rack: Rack, box: Machine, order: Order, former: Ordered | None, by: Starter, dry: bool) -> None:
    """Shows what will be written, asks for the machine's name, and arms it. `former` was refused by the machine."""
    from fabfile.engine.lock import who
    from fabfile.rack.values import seconds
    from fabfile.roles.arming import arm, withdraw
    from fabfile.roles.netboot import armed_files
    from fabfile.screen.installing import plan_text
    from fabfile.tasks.actions import act
    from fabfile.tasks.starting import start
    from fabfile.upstream.preseed import system_of

    texts, links = armed_files(rack, box, order)
    print(plan_text(rack, box, order, [*texts, *links], system_of(rack, box).layout))
    if former:
        refused = former.word("refused")
        print(f"  instead  of order {former.id}" + (f", which its installer refused: {refused.text.strip()}" if refused else ""))
    if by.words:
        print(f"  power    {by.words}")
    if by.interrupts and not order.disks:
        raise Exit(f"{box.name} is on, and to be looked at it has to be off: inv node.power {box.name} off first\nnothing was armed",
                   code=2)
    if dry:
        raise Exit(code=3)
    if order.disks:
        also = ", and to have it switched off" if by.interrupts else ""
        print(f"\nType {box.name} to have these disks written{also}: ", end="", flush=True)
        if sys.stdin.readline().strip() != box.name:
            raise Exit("nothing was armed", code=1)
    assert rack.install is not None
    name, computer = who(rack)
    about = {"who": f"{name} on {computer}", "armed": str(int(time.time()))}
    script = "\n".join([*([withdraw(box)] if former else []), arm(rack, box, order, about, seconds(rack.install.window))])
    act(rack, rack.gateway, f"arm {box.name}", script)
    start(rack, box, by)


def _failed(boots: Boots, box: Machine, order: Ordered) -> str:
    from fabfile.facts.installing import active
    from fabfile.screen.netboot import order_words

    silent = boots.now - active(boots, str(box.address()), order)
    return (f"{box.name}: {order_words(order)}, and nothing was heard of it for {silent // 60} minutes. "
            f"See its screen; its disk may be half written, and nothing else is done by itself. A new order: "
            f"inv node.install {box.name} --again")


def _tell_hardware(box: Machine, order: Ordered) -> None:
    """What the machine's installer found, ready for hosts.yaml."""
    from fabfile.facts.hardware import lines

    report = order.word("machine")
    if report is None:
        raise Exit(f"{box.name}'s installer reported nothing of the machine: see its screen", code=1)
    print(f"\n  {box.name}:\n{lines(report.text)}\n\nThese lines belong into hosts.yaml. The machine has switched itself off.")


def _watch(rack: Rack, box: Machine, look: bool) -> Ordered:
    """Tells how far it has come until its installer has finished, or with `look` has reported the machine; the task ends
    with code 1 when it does not."""
    from fabfile.facts.installing import stage
    from fabfile.screen.installing import progress_text
    from fabfile.tasks.leader import connected

    said, began = "", time.monotonic()
    with connected(rack) as ways:
        while True:
            boots = _look(rack, ways)
            order = boots.order(str(box.address()))
            assert order is not None  # it was armed, or found, before
            if (text := progress_text(boots, box, order)) != said:
                print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)
                said = text
            if order.state == "finished" or (look and order.word("refused")):
                return order
            if order.state == "armed" and (refused := order.word("refused")):
                raise Exit(f"{box.name}'s installer refused, and wrote nothing: {refused.text.strip()}\n"
                           f"Fix hosts.yaml or the machine, then: inv node.install {box.name}", code=1)
            if order.state in ("expired", "withdrawn"):
                raise Exit(f"{box.name} is not armed any more: order {order.id} is {order.state}, unclaimed. Did it boot from the "
                           f"network? inv gateway.netboot says what it asked for; then: inv node.install {box.name}", code=1)
            if stage(boots, box, False) == "failed":
                raise Exit(_failed(boots, box, order), code=1)
            time.sleep(EVERY)


def _learn(rack: Rack, box: Machine, order: Ordered) -> None:
    """Pins the host key that the installer reported, when the machine shows that very key."""
    from fabfile.engine.errors import LinkError
    from fabfile.engine.scan import scan
    from fabfile.loading.draft import HOSTS
    from fabfile.rack import host_keys, ssh
    from fabfile.tasks.local_files import rewrite
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    word = order.word("finished")
    reported = word.text.strip() if word else ""
    if reported and reported == box.host_key:
        return
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
        raise Exit(f"{box.name} shows another host key than its installer reported: {ssh.fingerprint(shown)}, not "
                   f"{ssh.fingerprint(reported) if reported else 'any'}. Nothing was said to it", code=1)
    rewrite(rack.folder / HOSTS, lambda text: host_keys.with_host_key(text, box.name, shown))
    print(f"        its host key {ssh.fingerprint(shown)} is the one reported: {HOSTS} has it now", flush=True)
    known = the_rack()
    made_by = asked_of(known, known.machine(box.name), "cat /etc/coop/order")
    if made_by.strip() != order.id:
        raise Exit(f"{box.name} was started from another system than order {order.id} made: /etc/coop/order says {made_by.strip()!r}. "
                   "Which disk does its firmware start from?", code=1)


def _join(rack: Rack, machine: str) -> None:
    """Into the cluster; where there is none yet, what to type once every machine has its system."""
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.steps import add_steps

    if rack.leader.name == machine or not rack.leader.host_key:
        print(f"{machine} is installed. When the rack's other machines are, too: inv cluster.bootstrap")
        return
    converge(command(), lambda rack: add_steps(rack, rack.machine(machine)))
