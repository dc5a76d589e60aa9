"""A node whose machine is dead: its pods start elsewhere at once, and not after the minutes that a node may be silent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.chicks import a_chick
from fabfile.tasks.task import DRY, JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Check, Resource


@task(help={
    "machine": "Name of the machine in hosts.yaml.",
    "dead": "The machine is off, or without power: nothing of it runs.",
    "back": "The machine is Ready again: let its node take pods.",
    "dry": DRY,
    "yes": "Approve it without asking, if its BMC says that it is off.",
    "json": JSON,
})
def evict(c: Context, machine: str, dead: bool = False, back: bool = False, dry: bool = False, yes: bool = False,
          json: bool = False) -> None:
    """Move the pods of a dead machine to other nodes now.

    With --dead or --back. A pod that still runs there would write to the same
    volumes as the one that replaces it: so the machine's BMC must say that it is
    off (one that does not answer stops the task); of a machine that has none in
    hosts.yaml, or one that cannot be told to be its own, you type the name.
    """
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.rack import the_rack

    if dead == back:
        raise Exit("a living node is drained by inv node.reboot --drain; this is for a dead machine: --dead, or --back when it is "
                   "Ready again", code=2)
    rack = the_rack()
    box = a_chick(rack, machine)
    with connected(rack) as ways:
        rack, _ = find_leader(ways, without=box)
        if rack.leader is box:
            raise Exit(f"{machine} is the only control plane: without it there is no cluster that could move its pods", code=1)
        steps = partial(back_steps, box=box) if back else partial(dead_steps, box=box, words=seen_dead(rack, box, ways),
                                                                  proved=proved_off(rack, box, ways))
    converge(command(), steps, dry=dry, yes=yes, json=json, rack=rack)


def seen_dead(rack: Rack, box: Machine, ways: SshWays) -> str:
    """Whose pods end, in words. The task ends with code 2 where the machine lives, or is no node."""
    from fabfile.engine.errors import proves_that_it_runs
    from fabfile.facts.leaving import parse, question
    from fabfile.tasks.queries import ask

    answers, errors = ask(rack, {rack.leader.name: question(box.name)}, ways=ways)
    alive, silent = ask(rack, {box.name: ":"}, 20.0, ways)
    leaving = parse(box.name, answers.get(rack.leader.name, ""), said_dead=True, unreachable="", holds_the_cluster=False)
    if leaving is None:
        raise Exit(f"the API server cannot be queried about {box.name}: {errors.get(rack.leader.name) or 'no answer'}", code=1)
    if not leaving.known:
        raise Exit(f"the cluster has no node {box.name}", code=2)
    runs = proves_that_it_runs(box.name, silent.get(box.name))
    if alive or runs or leaving.ready:
        how = "answers by SSH" if alive else f"runs ({silent[box.name].problem})" if runs else "is Ready, says the cluster: wait 40 s"
        raise Exit(f"{box.name} {how}: it is not dead. inv node.reboot {box.name} --drain moves its pods; inv node.power {box.name} "
                   "off --hard switches it off", code=2)
    lost = ", ".join(f"{pod.namespace}/{pod.name}" for pod in leaving.lost)
    moved = len(leaving.pods) - len(leaving.lost)
    return f"{box.name} is out of service: {moved} pods start on other nodes" + (f"; {lost} end" if lost else "")


def proved_off(rack: Rack, box: Machine, ways: SshWays) -> bool:
    """Whether its BMC says that it is off, and is known to be its own. The task ends with code 2 where the BMC says anything else."""
    from fabfile.bmc.board import doubt, lacking
    from fabfile.tasks.bmcs import boards_of, known

    if box.bmc is None or [*lacking(rack, box)]:
        return False
    board = boards_of(rack, box)
    found = known(rack, board, ways)
    if not found.state.off:
        raise Exit(f"the BMC of {box.name} says that it is {found.state.power}: switch it off first (inv node.power {box.name} off "
                   "--hard), or its pods may write to the same files as those that take their place", code=2)
    return not doubt(board, found.state)


def dead_steps(rack: Rack, box: Machine, words: str, proved: bool) -> list[Step]:
    """The taint; then all pods have left, and volumes with them."""
    from fabfile.engine.step import Step
    from fabfile.resources import OutOfService
    from fabfile.roles.evicted import everything_has_left

    def marked(rack: Rack, _: Machine) -> Iterator[Resource]:
        yield OutOfService(box.name, words if proved else f"{words}; that it is off is your word alone", "" if proved else box.name)

    def left(rack: Rack, _: tuple[Machine, ...]) -> Iterator[Check]:
        yield everything_has_left(rack, box)

    return [Step(f"evict {box.name}", (rack.leader,), marked, verify=left)]


def back_steps(rack: Rack, box: Machine) -> list[Step]:
    """The node takes pods again."""
    from fabfile.engine.step import Step
    from fabfile.resources import InService

    return [Step(f"take {box.name} back", (rack.leader,), lambda rack, _: [InService(box.name)])]
