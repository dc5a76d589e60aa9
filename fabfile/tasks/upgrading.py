"""The upgrade of Kubernetes: what is looked at first, and the steps, one member after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.preparation import Ask
    from fabfile.engine.step import Step
    from fabfile.facts.upgrade_rules import Situation
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

HALF_A_YEAR = 180  # days that the operators' certificate is good for after an upgrade, which comes once or twice a year


class Looking:
    """The preparation (engine/preparation.py) of an upgrade: `now` is what was seen. Ends the run, with nothing touched,
    where the upgrade must not begin or go on."""

    def __init__(self, rack: Rack, ends_servers: bool):
        self.now: Situation | None = None
        self._rack, self._ends_servers = rack, ends_servers

    def before(self, ask: Ask) -> list[str]:
        """Raises Rejected."""
        from fabfile.engine.errors import Rejected
        from fabfile.facts.upgrade_rules import refusals
        from fabfile.screen.upgrading import noted

        self.now = self._look(ask)
        if reasons := refusals(self.now):
            raise Rejected(reasons)
        return noted(self.now)

    def after(self, ask: Ask) -> Iterable[str]:
        return ()

    def is_to_do(self, machine: Machine) -> bool:
        """Whether the upgrade still has to come to this member's kubelet or control plane."""
        return self.now is not None and any(node.name == machine.name for node in self.now.to_do)

    def _look(self, ask: Ask) -> Situation:
        from fabfile.engine.errors import MachineError
        from fabfile.engine.parallel import each
        from fabfile.facts.upgrade_rules import Situation
        from fabfile.facts.upgrading import AFTER_A_KILL, PATIENCE, cluster_question, member_question, parse_cluster, parse_member
        from fabfile.loading.compatibility import unfit
        from fabfile.rack.cluster import API_PORT

        rack = self._rack
        present = {machine.name: machine for machine in rack.chicks if not machine.expected_off}

        def question(name: str) -> str:
            machine = present[name]
            return ask(machine, member_question(f"{machine.address()}:{API_PORT}" if machine in rack.control_planes else "",
                                                AFTER_A_KILL), AFTER_A_KILL + 60.0)

        answers, errors = each(question, present)
        members = {name: seen for name, answer in answers.items() if (seen := parse_member(name, answer))}
        patience = AFTER_A_KILL if any(member.begun for member in members.values()) else PATIENCE
        try:
            answer = ask(rack.leader, cluster_question(present, patience), patience + 60.0 + 15 * len(present))
        except MachineError as error:
            answer = f"#failed answers\n{error}\n"
        kubernetes = rack.versions.kubernetes.version
        return Situation(
            kubernetes, parse_cluster(answer), members, {name: error.problem for name, error in errors.items()},
            tuple(machine.name for machine in rack.control_planes),
            frozenset(machine.name for machine in rack.chicks if machine.expected_off), self._ends_servers,
            lambda part, version: unfit(part, version, kubernetes, rack.versions.tested_here))


def upgrade_steps(rack: Rack, *, at_once: int, force: bool, wait: int) -> list[Step]:
    """A snapshot; each control plane, the first one with the cluster's own objects; their kubelets; the workers, `at_once` at
    a time; rooster's kubectl and the operators' certificate."""
    from fabfile.engine.procedure import rolling
    from fabfile.engine.step import Step
    from fabfile.resources import Cordoned, Drained, EtcdSnapshot, ServersEnded, Uncordoned
    from fabfile.roles.operators import operators
    from fabfile.roles.upgrading import by_kubeadm, control_plane_is_new, kubeadm_program, kubelet_program, member_is_new
    from fabfile.upstream.documents import etcd_folder

    look = Looking(rack, force or wait > 0)
    leader = (rack.leader,)
    planes = [rack.leader, *(machine for machine in rack.control_planes if machine is not rack.leader)]
    workers = [machine for machine in rack.chicks if machine not in planes]

    def snapshot(rack: Rack, _: Machine) -> Iterator[Resource]:
        if look.now and look.now.to_do and etcd_folder(rack):
            yield EtcdSnapshot(f"before-{rack.versions.kubernetes.version}")

    def emptied(batch: tuple[Machine, ...], rack: Rack, _: Machine) -> Iterator[Resource]:
        for machine in filter(look.is_to_do, batch):
            yield Cordoned(machine.name)
            if wait:
                yield ServersEnded(machine.name, wait)
            yield Drained(machine.name, force)

    def of_kubeadm(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        yield Step(f"kubeadm {which}", batch, kubeadm_program)
        yield Step(f"upgrade {which}", batch, by_kubeadm, verify=control_plane_is_new)

    def of_kubelet(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        yield Step(f"drain {which}", leader, partial(emptied, batch), prepare=look)
        yield Step(f"kubelet {which}", batch, kubelet_program, verify=member_is_new, serial=True, at_once=at_once)
        yield Step(f"uncordon {which}", leader, lambda rack, _: [Uncordoned(machine.name) for machine in batch])

    return [
        Step("snapshot", leader, snapshot, prepare=look),
        *rolling(planes, of_kubeadm),  # all API servers first: no kubelet may be newer than one that it is answered by
        *rolling(planes, of_kubelet),
        *rolling(workers, lambda batch: [*of_kubeadm(batch), *of_kubelet(batch)], at_once),
        Step("operators", (rack.gateway,), partial(operators, days=HALF_A_YEAR)),
    ]
