"""Through whom the cluster is asked: found out before anything else, where there is a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack


def with_leader(rack: Rack, ways: SshWays | None = None, without: Machine | None = None) -> Rack:
    """The rack, with the first control plane that answers as its leader; one that is `without` is not taken if there
    is another. A single control plane is not asked: there is no choice."""
    from dataclasses import replace

    from fabfile.facts.leader import choose, question
    from fabfile.tasks.asking import ask

    candidates = [machine for machine in rack.control_planes if machine is not without and not machine.expected_off]
    if len(rack.control_planes) == 1 or not candidates:
        return rack
    answers, _ = ask(rack, {machine.name: question(str(machine.address())) for machine in candidates}, 20.0, ways)
    return replace(rack, leading=choose([machine.name for machine in candidates], answers))
