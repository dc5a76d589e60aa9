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
        from fabfile.tasks.situation import look

        self.now = look(self._rack, ask, self._ends_servers)
        if reasons := refusals(self.now):
            raise Rejected(reasons)
        return noted(self.now)

    def after(self, ask: Ask) -> Iterable[str]:
        return ()

    def is_to_do(self, machine: Machine) -> bool:
        """Whether the upgrade still has to come to this member's kubelet or control plane."""
        return self.now is not None and any(node.name == machine.name for node in self.now.to_do)


def upgrade_steps(rack: Rack, *, at_once: int, force: bool, wait: int) -> list[Step]:
    """A snapshot; each control plane, the first one with the cluster's own objects; their kubelets; the workers, `at_once` at
    a time; rooster's kubectl and the operators' certificate."""
    from fabfile.engine.procedure import rolling
    from fabfile.engine.step import Step
    from fabfile.resources import EtcdSnapshot, Uncordoned
    from fabfile.roles.operators import operators
    from fabfile.roles.upgrading import by_kubeadm, control_plane_is_new, kubeadm_program, kubelet_program, member_is_new
    from fabfile.tasks.draining import emptied
    from fabfile.upstream.documents import etcd_folder

    look = Looking(rack, force or wait > 0)
    leader = (rack.leader,)
    planes = [rack.leader, *(machine for machine in rack.control_planes if machine is not rack.leader)]
    workers = [machine for machine in rack.chicks if machine not in planes]

    def snapshot(rack: Rack, _: Machine) -> Iterator[Resource]:
        if look.now and look.now.to_do and etcd_folder(rack):
            yield EtcdSnapshot(f"before-{rack.versions.kubernetes.version}", look.now.has_begun)

    def of_kubeadm(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        yield Step(f"kubeadm {which}", batch, kubeadm_program)
        yield Step(f"upgrade {which}", batch, by_kubeadm, verify=control_plane_is_new)

    def of_kubelet(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        yield Step(f"drain {which}", leader, partial(emptied, batch, look.is_to_do, force, wait), prepare=look)
        yield Step(f"kubelet {which}", batch, kubelet_program, verify=member_is_new, serial=True, at_once=at_once)
        yield Step(f"uncordon {which}", leader, lambda rack, _: [Uncordoned(machine.name) for machine in batch])

    return [
        Step("snapshot", leader, snapshot, prepare=look),
        *rolling(planes, of_kubeadm),  # all API servers first: no kubelet may be newer than one that it is answered by
        *rolling(planes, of_kubelet),
        *rolling(workers, lambda batch: [*of_kubeadm(batch), *of_kubelet(batch)], at_once),
        Step("operators", (rack.gateway,), partial(operators, days=HALF_A_YEAR)),
    ]
