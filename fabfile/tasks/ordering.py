"""An order, from the question whether a machine may be armed to the end of what it does: armed, started, watched."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.engine.ways import SshWays
    from fabfile.facts.installing import Seen, Stage
    from fabfile.facts.netboot import Boots, Ordered
    from fabfile.rack import Machine, Rack
    from fabfile.resources.order import KindName, Order
    from fabfile.tasks.starting import Starter

EVERY = 5.0  # seconds between two looks at rooster
QUIET = 120.0  # seconds without progress after which the console's last line is shown


def carried_out(rack: Rack, box: Machine, order: Order, *, dry: bool = False, again: bool = False, reinstall: bool = False,
                agreed: Callable[[Ordered], None] | None = None) -> Ordered:
    """Has a machine do what an order says, or watches what it does already; the task ends with code 1 when that does not come
    to an end. `again` and `reinstall` are those of an installation; `agreed` asks for consent to what the machine reports,
    before it claims its order."""
    from fabfile.facts.installing import closed, stage
    from fabfile.screen.netboot import order_words
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.starting import starter

    boots_machines(rack)
    with connected(rack) as ways:
        boots = boots_of(rack, ways)
        former = boots.order(str(box.address()))
        found = stage(boots, box, order, again, reinstall)
        if again and found == "watch" and former and former.state == "claimed":
            boots, former, found = where_off(rack, box, order, reinstall, ways)
        match found:
            case "order":
                rack, _ = find_leader(ways, without=box)
                refuse(rack, box, seen(rack, box, order.kind, ways), order.kind, reinstall)
                arm(rack, box, order, boots, starter(rack, box, ways), dry)
            case "other":
                assert former is not None
                raise Exit(f"{box.name} is armed by order {former.id}, which writes {', '.join(former.disks) or 'no disk'}: "
                           f"inv gateway.netboot --disarm {box.name}, then again", code=2)
            case "busy":
                raise Exit(f"{box.name} is at work: {order_words(former)}", code=1)
            case "failed":
                assert former is not None
                raise Exit(failed_words(boots, box, former), code=1)
            case "finished" if former and closed(box, former):
                print(f"{box.name}: {order_words(former)}; a new installation: --reinstall")
                if dry:
                    raise Exit(code=3)
                return former
            case _ if dry:
                raise Exit(f"{box.name}: {order_words(former)}", code=3)
            case "watch":
                start_again(rack, box, boots, former, ways)
    try:
        return watch(rack, box, order.kind, agreed)
    except KeyboardInterrupt:
        raise unwatched(box) from None


def unwatched(box: Machine) -> Exit:
    """How a task ends that nobody wants to watch any more."""
    return Exit("not watched any more; what was begun goes on. The same command watches it again, and inv gateway.netboot "
                f"--disarm {box.name} disarms it as long as it has not begun", code=130)


def boots_machines(rack: Rack) -> None:
    """Ends the task with code 2 when rooster boots no machine."""
    if rack.install is None:
        raise Exit("there is no configs/install.yaml, so rooster boots no machine: docs/install.md says what is in it", code=2)


def ordered(box: Machine, kind: KindName, disks: tuple[str, ...] = (), seconds: int = 0) -> Order:
    """A new order for the environment in RAM. Whatever lies on disks that it writes may go: somebody agrees to that by name."""
    from secrets import token_hex

    from fabfile.resources.order import Order

    return Order(token_hex(6), box.name, wipe=disks, disks=disks, kind=kind, seconds=seconds)


def boots_of(rack: Rack, ways: SshWays) -> Boots:
    """What rooster knows of boots."""
    from fabfile.facts.netboot import parse, question
    from fabfile.tasks.queries import asked_of

    return parse(asked_of(rack, rack.gateway, question(), ways=ways))


def seen(rack: Rack, box: Machine, kind: KindName, ways: SshWays) -> Seen:
    """All that speaks against arming a machine, asked of rooster, of the cluster and of the machine itself."""
    from fabfile.engine.errors import LinkError
    from fabfile.engine.scan import scan
    from fabfile.facts import netboot
    from fabfile.facts.installing import Seen, known_question, member, member_question, other_control_planes
    from fabfile.roles.netboot import IMAGES
    from fabfile.tasks.queries import ask, asked_of
    from fabfile.upstream.preseed import components_list

    def asked(question: str) -> str:
        return asked_of(rack, rack.gateway, question, 90.0, ways)

    fits = ""
    if kind == "install":
        fits = netboot.misfit(asked(netboot.kernels(IMAGES, components_list(rack, box))))
    known, foreign = (asked(question) for question in (known_question(box), netboot.foreign_dhcp(rack.gateway.inner.name)))
    is_member, unasked = False, ""
    if others := other_control_planes(rack, box):
        leader = (rack.leader if rack.leader in others else others[0]).name
        answers, errors = ask(rack, {leader: member_question(box.name)}, 30.0, ways)
        is_member, unasked = member(box.name, answers[leader]) if answers else (False, str(errors[leader]))
    try:
        key = scan(rack, box)
    except LinkError:
        key = ""
    servers = netboot.foreign_servers(foreign)
    return Seen("known" in known.split(), fits, None if servers is None else tuple(servers), key, is_member, unasked)


def refuse(rack: Rack, box: Machine, found: Seen, kind: KindName, reinstall: bool = False) -> None:
    """Ends the task with code 2 when something speaks against it."""
    from fabfile.facts.installing import refusals

    if why := refusals(rack, box, found, kind, reinstall=reinstall):
        raise Exit("\n".join([*why, "nothing was armed"]), code=2)


def start_again(rack: Rack, box: Machine, boots: Boots, order: Ordered | None, ways: SshWays) -> None:
    """A task that was killed after it had armed the machine may not have come to start it, or to have its console read. Where
    neither is missing, the BMC is not asked."""
    from fabfile.tasks.recording import record, unread
    from fabfile.tasks.starting import start, starter

    if order is None:
        return
    waits = order.state == "armed" and boots.asked.get(str(box.address()), (0, ""))[0] < order.since
    if not waits and not unread(rack, box, order.id, ways):
        return
    by = starter(rack, box, ways)
    if not waits or by.interrupts:
        record(rack, box, by.known, order.id)
    if not waits:
        return
    if by.interrupts:
        print(f"{box.name} is on, and has asked for nothing yet. If it runs its former system: inv node.boot-next {box.name} network, "
              f"then inv node.power {box.name} cycle")
    elif by.known is not None:
        start(rack, box, by, order.id)


def arm(rack: Rack, box: Machine, order: Order, boots: Boots, by: Starter, dry: bool) -> None:
    """Shows what will be written, asks for the machine's name, and arms it, in place of an order that it refused."""
    from fabfile.engine.lock import PATIENCE, who
    from fabfile.facts.installing import closed
    from fabfile.rack.values import seconds
    from fabfile.roles import arming
    from fabfile.roles.netboot import armed_files
    from fabfile.screen.consent import typed_in
    from fabfile.screen.installing import plan_text
    from fabfile.tasks.actions import act
    from fabfile.tasks.starting import start
    from fabfile.upstream.preseed import system_of

    address = str(box.address())
    last = boots.order(address)
    former = last if last and last.state == "armed" else None
    texts, links = armed_files(rack, box, order)
    print(plan_text(rack, box, order, [*texts, *links], system_of(rack, box).layout, boots.report(address)))
    if former:
        refused = former.word("refused")
        print(f"  instead  of order {former.id}" + (f", which it refused: {refused.text.strip()}" if refused else ""))
    if last and closed(box, last) and order.about.installs:
        print(f"  loses    what order {last.id} has installed; without --reinstall, this command goes on with that")
    if by.words:
        print(f"  power    {by.words}")
    if by.interrupts and not order.about.installs:
        raise Exit(f"{box.name} is on, and has to be off first: inv node.power {box.name} off\nnothing was armed", code=2)
    if dry:
        raise Exit(code=3)
    if order.about.writes != "nothing" and not order.about.consent:  # else it is asked for once the machine has shown its disks
        also = ", and to have it switched off" if by.interrupts else ""
        print()
        if not typed_in(box.name, f"to have these disks written{also}", sys.stdin, sys.stdout):
            raise Exit("nothing was armed", code=1)
    assert rack.install is not None
    name, computer = who(rack)
    about = {"who": f"{name} on {computer}", "armed": str(int(time.time()))}
    script = "\n".join([*([arming.withdraw(box)] if former else []), arming.arm(rack, box, order, about, seconds(rack.install.window))])
    act(rack, rack.gateway, f"arm {box.name}", script, patience=PATIENCE)
    start(rack, box, by, order.id)


def where_off(rack: Rack, box: Machine, order: Order, reinstall: bool, ways: SshWays) -> tuple[Boots, Ordered | None, Stage]:
    """What --again does about an order that was claimed and is not given up yet: its BMC is asked, and then rooster once more, as the
    machine may have finished before it went off; then nothing failed that would be done again."""
    from fabfile.facts.installing import stage
    from fabfile.tasks.starting import starter

    by = starter(rack, box, ways)
    boots = boots_of(rack, ways)
    former = boots.order(str(box.address()))
    if former is None or former.state != "claimed":
        return boots, former, stage(boots, box, order)
    print(again_words(boots, box, former, by) + "\n", flush=True)
    return boots, former, stage(boots, box, order, again=True, reinstall=reinstall, off=by.proves_off)


def again_words(boots: Boots, box: Machine, order: Ordered, by: Starter) -> str:
    """What --again means for an order that was claimed, and has not been silent long enough to be given up."""
    from fabfile.bmc.board import doubt
    from fabfile.facts.installing import SILENT, active, seconds_left
    from fabfile.screen.netboot import order_words

    address, begun = str(box.address()), f"{box.name}: {order_words(order)}"
    left = seconds_left(boots, address, order)
    if by.proves_off:
        return f"{begun}, and its BMC says that it is off: nothing is written by that order any more"
    if not left:
        return f"{begun}, and does not go on"
    restart = "switch it off and on, with the network first in its boot order: what asks for a boot loader does not write any more"
    if by.known is None:
        shorter = f"{by.why_not or 'hosts.yaml has no BMC that could say that it is off'}. To shorten that, {restart}"
    elif by.known.state.off:
        shorter = f"Its BMC says that it is off, and {doubt(by.known.board, by.known.state)}. To shorten that, change this, or {restart}"
    else:
        shorter = (f"Its BMC says that it is {by.known.state.power}. To shorten that, switch it off (inv node.power {box.name} off), and "
                   "type the same again: once its BMC says that it is off, nothing is waited for")
    heard = (boots.now - active(boots, address, order)) // 60
    return (f"{begun}, and was heard of {heard} minutes ago: it may be writing. --again begins a new order once nothing was heard of it "
            f"for {SILENT // 60} minutes, that is in {-(-left // 60)} minutes, if it stays silent. {shorter}")


def failed_words(boots: Boots, box: Machine, order: Ordered) -> str:
    """How an order ended that did not come to its end."""
    from fabfile.facts.installing import active, restarted, unheard
    from fabfile.resources.order import KINDS
    from fabfile.screen.netboot import order_words

    begun = f"{box.name}: {order_words(order)}"
    by = " --image" if order.kind == "image" else ""
    reinstall = " --reinstall" if box.host_key else ""
    again = f" A new order: inv node.install {box.name}{by} --again{reinstall}" if KINDS[order.kind].installs else ""
    if told := order.word("failed"):
        return f"{begun}, and failed: {told.text.strip()}. It is still on: see its screen, then switch it off.{again}"
    if why := unheard(order):
        return f"{begun}, did not hear that it had, and wrote nothing: {why}.{again}"
    if restarted(boots, str(box.address()), order):
        while_what = "while its disk was written" if again else "before it had finished"
        return f"{begun}, and was restarted {while_what}, which nothing else continues by itself.{again}"
    silent = boots.now - active(boots, str(box.address()), order)
    return (f"{begun}, and nothing was heard of it for {silent // 60} minutes. See its screen; what it writes may be half "
            f"written, and nothing else is done by itself.{again}")


def watch(rack: Rack, box: Machine, kind: KindName, agreed: Callable[[Ordered], None] | None = None) -> Ordered:
    """Tells how far an order has come until it is finished; the task ends with code 1 when it does not."""
    from fabfile.facts.installing import lost
    from fabfile.screen.installing import progress_text, quiet_text
    from fabfile.tasks.leader import connected
    from fabfile.tasks.recording import said_last

    said, quiet, began, reported = "", "", time.monotonic(), None
    since = began
    with connected(rack) as ways:
        while True:
            boots = boots_of(rack, ways)
            order = boots.order(str(box.address()))
            assert order is not None  # it was armed, or found, before
            console, now = said_last(rack, box, ways), time.monotonic()
            if (text := progress_text(boots, box, order, console)) != said:
                print(f"{now - began:6.0f} s  {text}", flush=True)
                said, since = text, now
            elif now - since > QUIET and (text := quiet_text(boots, box, order, console)) != quiet:
                print(f"{now - began:6.0f} s  {text}", flush=True)
                quiet, since = text, now
            if order.state == "finished":
                return order
            if order.state == "armed" and (refused := order.word("refused")):
                raise Exit(f"{box.name} refused, and wrote nothing: {refused.text.strip()}\n"
                           f"Fix hosts.yaml or the machine, then type the same again", code=1)
            if order.state in ("expired", "withdrawn"):
                raise Exit(f"{box.name} is not armed any more: order {order.id} is {order.state}, unclaimed. Did it boot from the "
                           "network? inv gateway.netboot says what it asked for; then type the same again", code=1)
            if order.state == "claimed" and lost(boots, str(box.address()), order):
                raise Exit(failed_words(boots, box, order), code=1)
            report = order.word("machine") if order.state == "armed" else None
            if agreed and report and report != reported:  # it may have been started a second time
                agreed(order)
                reported = report
            time.sleep(EVERY)
