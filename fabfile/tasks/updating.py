"""Updates of the machines' own packages: nodes drained one after the other, and rooster with a way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.preparation import Ask
    from fabfile.engine.step import Step
    from fabfile.facts.updates import Updates
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Check, Resource


class LookingForUpdates:
    """The preparation (engine/preparation.py) of updates: what each machine would get, and whether it has to be started
    again. For nodes it ends the run, with nothing touched, where a drain could not end well."""

    def __init__(self, rack: Rack, machines: Sequence[Machine], security: bool, ends_servers: bool = False, at_once: int = 1):
        self.updates: Mapping[str, Updates] = {}
        self._rack, self._machines, self._security, self._ends_servers, self._at_once = rack, machines, security, ends_servers, at_once

    def before(self, ask: Ask) -> list[str]:
        """Raises Rejected."""
        from fabfile.engine.errors import Rejected
        from fabfile.engine.parallel import each
        from fabfile.engine.procedure import batches
        from fabfile.facts.updates import parse, question
        from fabfile.facts.upgrade_rules import OF_DRAINS, refusals
        from fabfile.roles.held import held_by_coop
        from fabfile.tasks.situation import look

        by_name = {machine.name: machine for machine in self._machines}
        answers, errors = each(lambda name: ask(by_name[name], question(), 300.0), by_name)
        self.updates = {name: parse(answer) for name, answer in answers.items()}
        wrong = [f"{name} cannot be reached ({error.problem})" for name, error in errors.items()]
        wrong += [f"{name}: its package lists cannot be fetched: {found.failed}" for name, found in self.updates.items() if found.failed]
        for name in self.updates:
            if loose := [package for package in held_by_coop(self._rack, by_name[name]) if package in self.wanted(by_name[name])]:
                wrong.append(f"{', '.join(loose)} {'is' if len(loose) == 1 else 'are'} not on hold on {name}, so would be moved: "
                             f"inv cluster.bootstrap --limit {name}")
        # with updates it is looked at after them: they may bring what is lacking
        wrong += [f"{name} must not be rebooted: {'; '.join(found.unbuilt)}" for name, found in self.updates.items()
                  if found.unbuilt and found.reboot and not self.wanted(by_name[name]) and name != self._rack.gateway.name]
        to_do = frozenset(name for name in by_name if self.is_to_do(by_name[name]))
        if to_do and self._rack.gateway.name not in to_do:
            together = tuple(tuple(one.name for one in batch if one.name in to_do) for batch in batches(self._machines, self._at_once))
            wrong += refusals(look(self._rack, ask, self._ends_servers, to_do, together), OF_DRAINS)
        if wrong:
            raise Rejected(wrong)
        told = [f"no updates: {', '.join(name for name in by_name if name not in to_do)}"] if len(to_do) < len(by_name) else []
        return told + [f"{name} should be rebooted: {'; '.join((*found.reboot, *found.unbuilt))}" for name, found in self.updates.items()
                       if found.reboot and name == self._rack.gateway.name]

    def after(self, ask: Ask) -> Iterable[str]:
        return ()

    def wanted(self, machine: Machine) -> dict[str, str]:
        """Package → version."""
        return self.updates[machine.name].wanted(self._security) if machine.name in self.updates else {}

    def is_to_do(self, machine: Machine) -> bool:
        """Whether anything is to be updated, or an update waits for its reboot."""
        return machine.name in self.updates and bool(self.wanted(machine) or self.updates[machine.name].reboot)


def node_update_steps(rack: Rack, machines: Sequence[Machine], *, at_once: int, security: bool, force: bool, wait: int) -> list[Step]:
    """Node by node, or `at_once` at a time: drained, updated, rebooted where it is needed, verified, open again."""
    from fabfile.engine.procedure import rolling
    from fabfile.engine.step import Step
    from fabfile.resources import RebootedIfNeeded, SystemUpdated, Uncordoned
    from fabfile.roles.membership_checks import api_servers_are_ready, reports_again
    from fabfile.roles.pod_traffic import members_work_together
    from fabfile.tasks.draining import emptied

    found, leader = LookingForUpdates(rack, machines, security, force or wait > 0, at_once), (rack.leader,)

    def updated(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield SystemUpdated(found.wanted(machine), security)

    def rebooted(rack: Rack, machine: Machine) -> Iterator[Resource]:
        away = len(rack.control_planes) == 1 and machine in rack.control_planes
        yield RebootedIfNeeded(machine.name, f"{machine.name} reboots, if its updates need it, after it was drained"
                               + ("; the API server is away meanwhile" if away else ""))

    def works(rack: Rack, batch: tuple[Machine, ...]) -> Iterator[Check]:
        yield from api_servers_are_ready(rack, batch)
        yield from map(reports_again, batch)
        yield from members_work_together(rack, batch)

    def stages(batch: tuple[Machine, ...]) -> Iterator[Step]:
        which = " ".join(machine.name for machine in batch)
        yield Step(f"drain {which}", leader, partial(emptied, batch, found.is_to_do, force, wait), prepare=found)
        yield Step(f"update {which}", batch, updated, verify=works, prepare=found)
        yield Step(f"reboot {which}", batch, rebooted, verify=works, serial=True, at_once=at_once)
        yield Step(f"uncordon {which}", leader, lambda rack, _: [Uncordoned(machine.name) for machine in batch])

    return rolling(machines, stages, at_once)


def gateway_update_steps(rack: Rack, *, security: bool) -> list[Step]:
    """rooster: updated as long as it goes on to serve the rack. It is not rebooted: everything's way out is through it."""
    from fabfile.engine.step import Step
    from fabfile.resources import SystemUpdated
    from fabfile.roles.gateway import gateway_serves

    found = LookingForUpdates(rack, (rack.gateway,), security)

    def updated(rack: Rack, machine: Machine) -> Iterator[Resource]:
        serves = tuple((check.what, check.script) for check in gateway_serves(rack, (machine,)) if check.machine == machine.name)
        yield SystemUpdated(found.wanted(machine), security, serves,
                            f"services of {machine.name} restart: connections through it may break for seconds")

    return [Step(f"update {rack.gateway.name}", (rack.gateway,), updated, verify=gateway_serves, prepare=found)]
