"""The steps of all tasks: which role applies to which machines, and the checks after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.facts.rebooting import Turn
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Check, Resource

    Verify = Callable[[Rack, tuple[Machine, ...]], Iterable[Check]]


API = ("gateway", "prepare", "control plane")  # what has to hold before the cluster takes objects and members
JOINS = ("join control planes", "join")
NODES = (*API, "pod network", *JOINS)  # and before pods run on all of its nodes


def gateway_steps(rack: Rack) -> list[Step]:
    """rooster, as the whole rack needs it."""
    from fabfile.engine.step import Step
    from fabfile.roles.gateway import gateway, gateway_serves

    return [Step("gateway", (rack.gateway,), gateway, verify=gateway_serves)]


def account_steps(rack: Rack, machines: tuple[Machine, ...] = ()) -> list[Step]:
    """The operators' accounts on every machine, the file server too, or on these."""
    from fabfile.engine.step import Step
    from fabfile.roles.operators import accounts

    return [Step("accounts", machines or tuple(rack.machines.values()), accounts)] if rack.operators else []


def operator_steps(rack: Rack) -> list[Step]:
    """Who may log in, and who may change the cluster."""
    from fabfile.engine.step import Step
    from fabfile.roles.operators import operator_rights, operators

    return [*account_steps(rack), Step("rights", (rack.leader,), operator_rights),
            Step("operators", (rack.gateway,), operators, needs=("rights",))]


def bootstrap_steps(rack: Rack, beside: Iterable[Step] = (), early: Iterable[Step] = ()) -> list[Step]:
    """From machines that have nothing but ssh to a cluster whose pods reach the world.

    `beside`: what rooster can have before there is a cluster. `early`: what takes long to come up in the cluster, and
    so is begun before the others join.
    """
    from fabfile.engine.step import Step
    from fabfile.roles.calico import calico
    from fabfile.roles.control_plane import api_answers, control_plane
    from fabfile.roles.node import node, prepared
    from fabfile.roles.node_settings import node_settings
    from fabfile.roles.operators import operator_rights, operators
    from fabfile.roles.pod_traffic import members_work_together
    from fabfile.roles.settings_checks import pod_network_holds

    first = (rack.leader,)
    others = [machine for machine in rack.chicks if machine not in first]
    return [
        *account_steps(rack),
        *gateway_steps(rack),
        Step("prepare", rack.chicks, node, verify=prepared),
        *beside,
        Step("control plane", first, control_plane, verify=api_answers),
        Step("pod network", first, calico, verify=pod_network_holds, needs=API),
        *early,
        *join_steps(rack, others, members_work_together),
        Step("rights", first, operator_rights, needs=API),
        Step("operators", (rack.gateway,), operators, needs=(*API, "rights")),
        Step("nodes", first, node_settings, needs=(*API, *JOINS)),
        *settings_steps(rack.chicks),
    ]


def join_steps(rack: Rack, machines: list[Machine], verify: Verify) -> list[Step]:
    """Members come in: control planes one at a time, then the workers all at once."""
    from fabfile.engine.step import Step
    from fabfile.roles.member import member

    control_planes = tuple(machine for machine in machines if machine in rack.control_planes)
    workers = tuple(machine for machine in machines if machine not in control_planes)
    steps = []
    if control_planes:
        steps.append(Step("join control planes", control_planes, member, verify=verify, serial=True, needs=API))
    if workers:
        steps.append(Step("join", workers, member, verify=verify, needs=(*API, "join control planes")))
    return steps


def gpu_steps(rack: Rack, machines: tuple[Machine, ...]) -> list[Step]:
    """What pods name to have a GPU, where one of these machines has one."""
    from fabfile.engine.step import Step
    from fabfile.roles.gpu import gpus

    return [Step("gpus", (rack.leader,), gpus, needs=API)] if any(machine.gpu for machine in machines) else []


def settings_steps(machines: tuple[Machine, ...]) -> list[Step]:
    """The cluster's settings as they run on these members: one machine after another where something restarts."""
    from fabfile.engine.step import Step
    from fabfile.roles.settings import member_settings
    from fabfile.roles.settings_checks import settings_hold

    return [Step("settings", machines, member_settings, verify=settings_hold, needs=(*API, *JOINS))]


def add_steps(rack: Rack, machine: Machine) -> list[Step]:
    """One machine more: rooster learns its name and MAC, it is prepared, it joins. No other is touched; where it is the second that
    takes DNS, the cluster's DNS is spread over both."""
    from fabfile.engine.step import Step
    from fabfile.roles.calico import calico
    from fabfile.roles.dns import placed_dns
    from fabfile.roles.node import node, prepared
    from fabfile.roles.node_settings import node_settings
    from fabfile.roles.pod_traffic import members_work_together

    newcomer = (machine,)
    return [
        *account_steps(rack, newcomer),
        *gateway_steps(rack),
        Step("prepare", newcomer, node, verify=prepared),
        *join_steps(rack, [machine], members_work_together),
        *([Step("nodes", (rack.leader,), partial(node_settings, members=newcomer))]
          if machine.node_labels or machine.node_taints or machine in rack.control_planes else []),
        *([Step("pod network", (rack.leader,), calico, needs=API)] if placed_dns(rack) != placed_dns(rack.without(machine)) else []),
        *gpu_steps(rack, newcomer),
        *settings_steps(newcomer),
    ]


def remove_steps(rack: Rack, machine: Machine, *, force: bool, dead: bool, doubt: str = "") -> list[Step]:
    """One machine less: its pods go, it forgets the cluster, the cluster forgets it. Where it was the last worker, the
    control planes take pods first. `doubt`: why one that is taken to be dead may not be."""
    from fabfile.engine.step import Step
    from fabfile.resources.departure import Drained, NodeDeleted
    from fabfile.resources.membership import NoMember
    from fabfile.roles.endpoint import no_endpoint
    from fabfile.roles.membership_checks import pod_network_drops
    from fabfile.roles.node_settings import node_settings
    from fabfile.upstream.documents import certificates_folder, etcd_folder

    first, remaining = (rack.leader,), rack.without(machine)
    opened = tuple(one for one in remaining.control_planes if remaining.takes_pods(one) and not rack.takes_pods(one))
    nodes = [Step("nodes", first, lambda _, leader: node_settings(remaining, leader, opened))] if opened else []
    etcd = rack.leader.name if machine in rack.control_planes and etcd_folder(rack) else ""
    delete = Step(f"delete node {machine.name}", first,
                  lambda rack, _: [NodeDeleted(machine.name, dead, etcd, certificates_folder(rack), doubt)],
                  verify=partial(pod_network_drops, machine=machine))
    if dead:
        return [*nodes, delete]
    return [
        *nodes,
        Step("drain", first, lambda rack, _: [Drained(machine.name, force)]),
        Step("reset", (machine,), lambda rack, _: [*(no_endpoint() if machine in rack.control_planes else ()),
                                                   NoMember(etcd=etcd_folder(rack), pki=certificates_folder(rack))]),
        delete,
    ]


def reboot_steps(rack: Rack, turns: Sequence[Turn], interrupts: Mapping[str, str], drain: bool, at_once: int) -> list[Step]:
    """One machine after the other is restarted, while the scheduler leaves it alone; `interrupts`: who loses what
    by each machine's reboot, in words."""
    from fabfile.engine.procedure import rolling
    from fabfile.engine.step import Step
    from fabfile.resources.departure import Cordoned, Drained, Uncordoned
    from fabfile.resources.rebooted import Rebooted, RebootMarks
    from fabfile.roles.membership_checks import api_servers_are_ready, reports_again
    from fabfile.roles.pod_traffic import members_work_together

    leader = (rack.leader,)
    turn_of = {turn.machine: turn for turn in turns}
    names = tuple(turn_of)

    def reboot(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield Rebooted(turn_of[machine.name].before, machine.name, interrupts.get(machine.name, ""))

    def works_again(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
        yield from api_servers_are_ready(rack, machines)
        yield from map(reports_again, machines)
        yield from members_work_together(rack, machines)

    def stages(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        to_do = [machine.name for machine in batch if not turn_of[machine.name].done]
        yield Step(f"cordon {which}", leader,
                   lambda rack, _: [each for name in to_do for each in (Cordoned(name), *([Drained(name)] * drain))])
        yield Step(f"reboot {which}", batch, reboot, verify=works_again, serial=True, at_once=at_once)
        yield Step(f"uncordon {which}", leader, lambda rack, _: [Uncordoned(machine.name) for machine in batch])

    machines = [rack.machine(name) for name in names]
    return [
        Step("record reboots", leader, lambda rack, _: [RebootMarks(names, {turn.machine: turn.mark for turn in turns})]),
        *rolling(machines, stages, at_once),
        Step("clear reboot records", leader, lambda rack, _: [RebootMarks(names)]),
    ]
