"""How the cluster and its members are, before work that drains nodes: asked in a run's own shells, all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.preparation import Ask
    from fabfile.facts.upgrade_rules import Situation
    from fabfile.rack import Rack


def look(rack: Rack, ask: Ask, ends_servers: bool, names: frozenset[str] | None = None,
         together: tuple[tuple[str, ...], ...] = ()) -> Situation:
    """All that the rules look at. `names`: the nodes that are to be drained; None: all that an upgrade has not come to. `together`:
    those that may be rebooted at the same time."""
    from fabfile.engine.errors import MachineError
    from fabfile.engine.parallel import each
    from fabfile.facts.upgrade_rules import Situation
    from fabfile.facts.upgrading import AFTER_A_KILL, PATIENCE, cluster_question, member_question, parse_cluster, parse_member
    from fabfile.loading.compatibility import unfit
    from fabfile.rack.cluster import API_PORT

    present = {machine.name: machine for machine in rack.chicks if not machine.expected_off}

    def question(name: str) -> str:
        machine = present[name]
        return ask(machine, member_question(f"{machine.address()}:{API_PORT}" if machine in rack.control_planes else "",
                                            AFTER_A_KILL), AFTER_A_KILL + 60.0)

    answers, errors = each(question, present)
    members = {name: seen for name, answer in answers.items() if (seen := parse_member(name, answer))}
    patience = AFTER_A_KILL if any(member.begun for member in members.values()) else PATIENCE
    try:
        answer = ask(rack.leader, cluster_question(present if names is None else names, patience), patience + 60.0 + 15 * len(present))
    except MachineError as error:
        answer = f"#failed ready\n{error}\n"
    kubernetes = rack.versions.kubernetes.version
    return Situation(
        kubernetes, parse_cluster(answer), members, {name: error.problem for name, error in errors.items()},
        tuple(machine.name for machine in rack.control_planes),
        frozenset(machine.name for machine in rack.chicks if machine.expected_off), ends_servers,
        lambda part, version: unfit(part, version, kubernetes, rack.versions.tested_here),
        frozenset(answers.keys() - members), names, together)
