"""One chick at a time: added, removed, rebooted, looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.teaching import task

if TYPE_CHECKING:
    from fabfile.facts.leaving import Leaving
    from fabfile.rack import Machine, Rack

DRY = "Show what would change, change nothing; exit 3 when something would."
JSON = "For programs."


def a_chick(rack: Rack, name: str) -> Machine:
    """The chick of that name; the task ends with code 2 when it is something else."""
    from fabfile.rack import RackProblems

    try:
        machine = rack.machine(name)
    except RackProblems as told:
        raise Exit(str(told), code=2) from None
    if machine not in rack.chicks:
        raise Exit(f"{name} is no chick: {', '.join(chick.name for chick in rack.chicks)} are", code=2)
    return machine


@task(help={"machine": "Its name in hosts.yaml.", "dry": DRY, "json": JSON})
def add(c, machine, dry=False, json=False):
    """Bring a new chick into the cluster, touch no other."""
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import add_steps

    rack = the_rack()
    if a_chick(rack, machine) is rack.first_control_plane:
        raise Exit(f"{machine} is where the cluster is made: inv cluster.bootstrap", code=2)
    converge(c, f"node.add {machine}", lambda rack: add_steps(rack, rack.machine(machine)),
             dry=dry, json=json)


@task(help={
    "machine": "Its name in hosts.yaml.",
    "force": "Also end pods that nobody would start again elsewhere.",
    "dead": "The machine is off for good: do not try to reach it.",
    "dry": DRY, "json": JSON,
})
def remove(c, machine, force=False, dead=False, dry=False, json=False):
    """Take a chick out of the cluster, also a dead one."""
    from fabfile.screen.leaving import as_text
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import remove_steps

    rack = the_rack()
    leaving = look_at_leaving(rack, a_chick(rack, machine), dead)
    if not json:
        print(as_text(leaving))
    if leaving.refusal(force):
        raise Exit(leaving.refusal(force), code=1)
    converge(c, f"node.remove {machine}",
             lambda rack: remove_steps(rack, rack.machine(machine), force=force, dead=leaving.dead),
             dry=dry, json=json)


def look_at_leaving(rack: Rack, machine: Machine, dead: bool) -> Leaving:
    """Asks the cluster about the machine's pods, and the machine (unless said to be dead) if it lives."""
    from fabfile.facts.leaving import parse, question
    from fabfile.tasks.asking import ask

    first = rack.first_control_plane
    questions = {machine.name: ":"} if not dead else {}
    answers, errors = ask(rack, {**questions, first.name: question(machine.name)})
    leaving = parse(machine.name, answers.get(first.name, ""), said_dead=dead,
                    unreachable=str(errors.get(machine.name, "")), holds_the_cluster=machine is first)
    if leaving is None:
        raise Exit(f"the cluster cannot be asked about {machine.name}: "
                   f"{errors.get(first.name) or answers.get(first.name, '').strip()}", code=1)
    return leaving


@task(help={"machine": "Its name in hosts.yaml.", "json": JSON})
def reboot(c, machine, json=False):
    """Reboot a chick and wait until it works again."""
    from fabfile.resources.rebooted import STARTED
    from fabfile.tasks.asking import asked_of
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.steps import reboot_steps

    rack = the_rack()
    before = asked_of(rack, a_chick(rack, machine), STARTED)
    converge(c, f"node.reboot {machine}", lambda rack: reboot_steps(rack, rack.machine(machine), before),
             json=json)


@task(help={"machine": "Its name in hosts.yaml; under fab, the host's.", "json": JSON})
def status(c, machine=None, json=False):
    """Show what a chick says of itself, also without an API."""
    from fabfile.facts.machine import QUESTION, parse
    from fabfile.roles.programs import held_on_chicks
    from fabfile.screen import machine as screen
    from fabfile.tasks.asking import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    name = machine or getattr(getattr(c, "machine", None), "name", None)
    if not name:
        raise Exit("which machine? inv node.status chick1, or fab -H chick1 node.status", code=2)
    lines = parse(asked_of(rack, a_chick(rack, name), QUESTION), frozenset(held_on_chicks(rack)))
    print(screen.as_json(name, lines) if json else screen.as_text(name, lines))
    if not all(line.good for line in lines):
        raise Exit(code=3)
