"""Single nodes: add, remove, reboot, status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.announcing import TELL_NOBODY
from fabfile.tasks.chicks import a_chick, a_present_chick
from fabfile.tasks.consoles import console, event_log  # noqa: F401  tasks of this collection
from fabfile.tasks.evicting import evict  # noqa: F401  the same
from fabfile.tasks.in_ram import burn_in, rescue, wipe  # noqa: F401  the same
from fabfile.tasks.installing import install  # noqa: F401  the same
from fabfile.tasks.powering import boot_next, identify, power  # noqa: F401  the same
from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.engine.ways import SshWays
    from fabfile.facts.leaving import Leaving
    from fabfile.facts.rebooting import Turn
    from fabfile.rack import Machine, Rack


@task(help={"machine": "Name of the machine in hosts.yaml.", "dry": DRY, "yes": YES, "json": JSON})
def add(c: Context, machine: str, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Add one node, without changing the others.

    Put it into hosts.yaml first. rooster gets its name and address, too.
    """
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import add_steps

    def steps(rack: Rack) -> list[Step]:
        newcomer = a_present_chick(rack, machine)
        if newcomer is rack.leader:
            raise Exit(f"{machine} is where the cluster is created: inv cluster.bootstrap", code=2)
        return add_steps(rack, newcomer)

    a_present_chick(the_rack(), machine)
    converge(command(), steps, dry=dry, yes=yes, json=json)


@task(help={
    "machine": "Name of the machine in hosts.yaml.",
    "force": "Also evict pods without a controller: they are lost.",
    "dead": "The machine is permanently off: do not connect to it.",
    "dry": DRY, "yes": YES, "json": JSON,
})
def remove(c: Context, machine: str, force: bool = False, dead: bool = False, dry: bool = False, yes: bool = False,
           json: bool = False) -> None:
    """Drain and remove a node, also one whose machine is dead.

    It leaves the cluster and, unless it is dead, is reset (kubeadm reset). Of a
    dead one that the cluster calls Ready, or without --dead, you type the name.
    It stays in hosts.yaml: remove it there, or the next cluster.bootstrap adds
    it again.
    """
    from fabfile.screen.leaving import as_text
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import remove_steps

    rack = the_rack()
    with connected(rack) as ways:
        rack, _ = find_leader(ways, without=a_chick(rack, machine))
        leaving = look_at_leaving(rack, rack.machine(machine), dead, ways)
    if not json:
        print(as_text(leaving))
    if leaving.refusal(force):
        raise Exit(leaving.refusal(force), code=1)
    converge(command(), lambda rack: remove_steps(rack, rack.machine(machine), force=force, dead=leaving.dead, doubt=leaving.doubt),
             dry=dry, yes=yes, json=json, rack=rack)


def look_at_leaving(rack: Rack, machine: Machine, dead: bool, ways: SshWays) -> Leaving:
    """Asks the cluster about the machine's pods, and whether etcd can do without it; and the machine (unless said to be
    dead) if it lives."""
    from dataclasses import replace

    from fabfile.engine.errors import proves_that_it_runs
    from fabfile.facts.etcd_majority import etcd_question, etcd_without
    from fabfile.facts.leaving import parse, question
    from fabfile.tasks.queries import ask
    from fabfile.upstream.documents import certificates_folder, etcd_folder

    leader = rack.leader
    questions = {machine.name: ":"} if not dead else {}
    answers, errors = ask(rack, {**questions, leader.name: question(machine.name)}, ways=ways)
    leaving = parse(machine.name, answers.get(leader.name, ""), said_dead=dead,
                    unreachable=str(errors.get(machine.name, "")), holds_the_cluster=machine is leader,
                    runs=proves_that_it_runs(machine.name, errors.get(machine.name)))
    if leaving is None:
        raise Exit(f"the API server cannot be queried about {machine.name}: "
                   f"{errors.get(leader.name) or answers.get(leader.name, '').strip()}", code=1)
    if leaving.dead or machine is leader or machine not in rack.control_planes or not etcd_folder(rack):
        return leaving
    answers, errors = ask(rack, {leader.name: etcd_question(leader.name, certificates_folder(rack))}, ways=ways)
    return replace(leaving, etcd=etcd_without(machine.name, answers.get(leader.name) or str(errors.get(leader.name, ""))))


@task(help={
    "machines": "Names in hosts.yaml (comma-separated); at least one.",
    "drain": "Drain each node first.",
    "at_once": "Number of nodes that reboot at a time (default: 1).",
    "dry": DRY, "yes": YES, "json": JSON,
})
def reboot(c: Context, machines: str, drain: bool = False, at_once: int = 1, dry: bool = False, yes: bool = False,
           json: bool = False) -> None:
    """Reboot nodes in turn, by default one at a time.

    Each is Ready again before the next goes down, and cordoned meanwhile;
    without --drain its pods stop until it is back. More control planes at a time
    than etcd can do without are refused.
    """
    from time import time

    from fabfile.facts.leaving import parse, question
    from fabfile.facts.rebooting import turns
    from fabfile.resources.rebooted import MARKS, STARTED
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.queries import ask
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import reboot_steps

    rack = the_rack()
    names = list(dict.fromkeys(name.strip() for name in machines.split(",") if name.strip()))
    chicks = [a_present_chick(rack, name) for name in names]
    pods = "".join(f"\necho '#node {name}'\n( {question(name)} )" for name in names)
    with connected(rack) as ways:
        rack, _ = find_leader(ways, without=chicks[0] if len(chicks) == 1 else None)
        leader = rack.leader.name
        asked = {chick.name: STARTED for chick in chicks if chick.name != leader}
        started, errors = ask(rack, {**asked, leader: f"{STARTED}\necho '#marks'\n{MARKS}{pods}"}, ways=ways)
        for error in errors.values():
            raise Exit(f"{error}\n{error.hint}".rstrip(), code=error.exit_code)
        own, *of_nodes = started.pop(leader).split("#node ")
        own, _, marks = own.partition("#marks\n")
        found = {**started, leader: own}
        whose = turns({name: found[name].strip() for name in names}, marks, time())
        interrupts = {}
        for text in of_nodes:
            name, _, answer = text.partition("\n")
            leaving = parse(name, answer, said_dead=False, unreachable="", holds_the_cluster=False)
            if leaving is None:
                raise Exit(f"the API server cannot be queried about the pods on {name}: {answer.strip()}", code=1)
            interrupts[name] = leaving.reboot_words(single=len(rack.control_planes) == 1 and name == leader, drained=drain)
        refuse_without_majority(rack, whose, at_once, ways)
    done = [turn.machine for turn in whose if turn.done]
    if done and not json:
        print(f"an earlier run of this was cut short after {', '.join(done)}: it goes on with the others\n")
    converge(command(), lambda rack: reboot_steps(rack, whose, interrupts, drain, at_once),
             dry=dry, yes=yes, json=json, rack=rack)


def refuse_without_majority(rack: Rack, turns: Sequence[Turn], at_once: int, ways: SshWays) -> None:
    """Ends the task with code 2, nothing touched, where etcd would lose its majority while these machines are rebooted so many at a
    time. A member that an earlier run has rebooted a moment ago may still be starting: it is waited for."""
    import time

    from fabfile.engine.procedure import batches
    from fabfile.facts.etcd_majority import etcd_question, etcd_while_away, members_of
    from fabfile.facts.upgrading import PATIENCE
    from fabfile.tasks.queries import ask
    from fabfile.upstream.documents import certificates_folder, etcd_folder

    planes = {one.name for one in rack.control_planes}
    together = [[turn.machine for turn in batch if turn.machine in planes and not turn.done] for batch in batches(turns, at_once)]
    if len(planes) == 1 or not any(together) or not etcd_folder(rack):
        return
    rebooted, leader, until = {turn.machine for turn in turns if turn.done}, rack.leader.name, time.monotonic() + PATIENCE
    while True:
        answers, errors = ask(rack, {leader: etcd_question(leader, certificates_folder(rack))}, ways=ways)
        try:
            members = members_of(answers.get(leader) or str(errors.get(leader, "")))
        except ValueError as problem:
            raise Exit(f"{problem}, so it is not known which control planes may be rebooted: inv doctor\nnothing was changed",
                       code=2) from None
        why = [*etcd_while_away(together, members)]
        if not why:
            return
        if all(members.get(name, True) for name in rebooted) or time.monotonic() > until:
            raise Exit("\n".join([*why, "nothing was changed"]), code=2)
        time.sleep(3.0)


@task(may="machines", help={
    "machines": "Names in hosts.yaml (comma-separated); without it, all nodes.",
    "security": "Only updates that close security holes.",
    "at_once": "Number of nodes that are updated at a time (default: 1).",
    "force": "Stop users' servers, and delete pods without a controller.",
    "wait": "Wait for users' servers to end, up to this long (2h) a node.",
    "silent": TELL_NOBODY, "dry": DRY, "yes": YES, "json": JSON,
})
def update(c: Context, machines: str | None = None, security: bool = False, at_once: int = 1, force: bool = False,
           wait: str | None = None, silent: bool = False, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Update the packages of nodes, and reboot where needed.

    One after the other: drained, updated, rebooted if an update needs it,
    verified. Held packages (kubelet, containerd) stay as they are.
    """
    from functools import partial

    from fabfile.tasks.announcing import converged_and_told
    from fabfile.tasks.command_line import command
    from fabfile.tasks.durations import seconds_of
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.updating import node_update_steps

    rack = the_rack()
    names = list(dict.fromkeys(name.strip() for name in (machines or "").split(",") if name.strip()))
    chicks = [a_present_chick(rack, name) for name in names] or [one for one in rack.chicks if not one.expected_off]
    steps = partial(node_update_steps, machines=chicks, at_once=at_once, security=security, force=force,
                    wait=seconds_of("--wait", wait) if wait is not None else 0)
    converged_and_told(command(), steps, rack, tell=(force or wait is not None) and not silent, dry=dry, yes=yes, json=json)


@task(may="machine", help={"machine": "Name in hosts.yaml (with fab -H: each of these).", "json": JSON})
def status(c: Context, machine: str | None = None, json: bool = False) -> None:
    """Show one machine's health, without asking the API server."""
    from time import time

    from fabfile.facts.look import Look
    from fabfile.facts.machine import parse, question, rows
    from fabfile.finding import healthy
    from fabfile.roles.programs import held_on_chicks
    from fabfile.rules.examine import examine
    from fabfile.screen import machine as screen
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    if not machine:
        raise Exit("which machine? inv node.status chick1, or fab -H chick1 node.status", code=2)
    chick = a_chick(rack, machine)
    state = parse(machine, asked_of(rack, chick, question(rack, chick)))
    lines, found = rows(state, frozenset(held_on_chicks(rack))), examine(Look(rack, time(), {machine: state}))
    print(screen.as_json(machine, lines, found) if json else screen.as_text(machine, lines, found))
    if not healthy(found):
        raise Exit(code=3)
