"""One machine by its BMC: its power, what it boots from next, and its light in the rack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.chicks import a_chick
from fabfile.tasks.task import DRY, JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.bmc.known import Known
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack

YES = "Approve that the machine goes off, without asking."
STATES = ("on", "off", "cycle", "status")
TARGETS = ("network", "disk", "setup", "usual")


@task(help={
    "machine": "Name in hosts.yaml; it needs a BMC there.",
    "to": "on, off, cycle (off, then on), or status.",
    "hard": "Cut its power at once; by default its system may shut down first.",
    "dry": DRY, "yes": YES, "json": JSON,
})
def power(c: Context, machine: str, to: str, hard: bool = False, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Switch a machine on or off by its BMC, or show its power.

    off and cycle let its system shut down first: what takes longer than two
    minutes is cut off. Pods of a node end without a drain: node.reboot --drain
    has one.
    """
    from json import dumps

    from fabfile.bmc.board import doubt
    from fabfile.bmc.known import PATIENCE
    from fabfile.resources.bmc import Powered, Started
    from fabfile.tasks.bmc_changes import change
    from fabfile.tasks.bmcs import boards_of, known
    from fabfile.tasks.leader import connected
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_chick(rack, machine)
    _one_of(to, STATES)
    board = boards_of(rack, box)
    with connected(rack) as ways:
        found = known(rack, board, ways)
        if to == "status":
            print(dumps({"machine": machine, "power": found.state.power, "next_boot": found.state.boot}) if json else
                  f"{machine} is {found.state.power}" + (f", and boots next by {found.state.boot}" if found.state.boot else ""))
            return
        loses = "" if to == "on" else lost(rack, box, ways)
    patience = 0 if hard else PATIENCE
    if loses:
        loses += ": its power is cut at once" if hard else f"; what does not shut down within {patience} s is cut off"
        loses = "; ".join(filter(None, (loses, doubt(board, found.state))))
    resource = Started(found, "", patience, loses) if to == "cycle" else Powered(found, to == "on", patience, loses)
    change(rack, resource.name, resource, dry=dry, yes=yes, json=json)


@task(help={
    "machine": "Name in hosts.yaml; it needs a BMC there.",
    "target": "network, disk, setup (the firmware's menus), or usual.",
    "dry": DRY, "json": JSON,
})
def boot_next(c: Context, machine: str, target: str, dry: bool = False, json: bool = False) -> None:
    """Set what a machine's next start comes from, once.

    Nothing restarts: inv node.power MACHINE cycle does that. The start after it
    comes from where it always does. usual undoes what was set.
    """
    from fabfile.resources.bmc import BootsNext
    from fabfile.tasks.bmc_changes import change

    _one_of(target, TARGETS)
    rack, found = _found(machine)
    resource = BootsNext(found, target)
    change(rack, resource.name, resource, dry=dry, json=json)


@task(help={"machine": "Name in hosts.yaml; it needs a BMC there.", "off": "Switch the light off.", "dry": DRY, "json": JSON})
def identify(c: Context, machine: str, off: bool = False, dry: bool = False, json: bool = False) -> None:
    """Have a machine's light blink, to find it in the rack."""
    from fabfile.resources.bmc import Identified
    from fabfile.tasks.bmc_changes import change

    rack, found = _found(machine)
    resource = Identified(found, not off)
    change(rack, resource.name, resource, dry=dry, json=json)


def lost(rack: Rack, box: Machine, ways: SshWays) -> str:
    """Who loses what when a machine that is on goes off, in words."""
    from fabfile.facts.etcd_majority import etcd_question, etcd_while_off
    from fabfile.facts.installing import member, member_question, other_control_planes
    from fabfile.tasks.leader import find_leader
    from fabfile.tasks.queries import ask
    from fabfile.upstream.documents import certificates_folder, etcd_folder

    others = other_control_planes(rack, box)
    if box in rack.control_planes and not others:
        return f"{box.name} goes off, and with it the only control plane"
    if not others:
        return f"{box.name} goes off"
    leading, _ = find_leader(ways, without=box)
    asked = leading.leader if leading.leader in others else others[0]
    answers, errors = ask(rack, {asked.name: member_question(box.name)}, 30.0, ways)
    is_member, unasked = member(box.name, answers[asked.name]) if answers else (False, str(errors[asked.name]))
    if unasked:
        return f"{box.name} goes off, and whether it is a node cannot be asked ({unasked})"
    loses = [f"{box.name} goes off"]
    if is_member:
        loses = [f"{box.name} is a node of the cluster and goes off: its pods end, without a drain (inv node.reboot --drain has one)"]
    if box in rack.control_planes and etcd_folder(rack):
        answers, errors = ask(rack, {asked.name: etcd_question(asked.name, certificates_folder(rack))}, 30.0, ways)
        loses += etcd_while_off(box.name, answers.get(asked.name) or str(errors.get(asked.name, "")))
    return "; ".join(loses)


def _found(machine: str) -> tuple[Rack, Known]:
    from fabfile.tasks.bmcs import boards_of, known
    from fabfile.tasks.leader import connected
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_chick(rack, machine)
    board = boards_of(rack, box)
    with connected(rack) as ways:
        return rack, known(rack, board, ways)


def _one_of(word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise Exit(f"{word!r} is none of {', '.join(words)}", code=2)
