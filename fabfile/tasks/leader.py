"""The leader: the control plane through which the cluster is asked, the first one that answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.errors import MachineError
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack


@contextmanager
def connected(rack: Rack) -> Iterator[SshWays]:
    """Ways to the rack's machines, for all that a task asks: each connection is made once."""
    from fabfile.engine.ways import SshWays

    ways = SshWays(rack)
    try:
        yield ways
    finally:
        ways.close()


def find_leader(ways: SshWays, without: Machine | None = None) -> tuple[Rack, dict[str, MachineError]]:
    """The rack, with the first control plane that answers as its leader; and those that could not be reached.

    One that is `without` is not taken if there is another. A single control plane is not asked: there is no choice.
    """
    from dataclasses import replace

    from fabfile.facts.leader import choose, question
    from fabfile.roles.manifests import FOLDER
    from fabfile.tasks.queries import ask

    rack = ways.rack
    candidates = [machine for machine in rack.control_planes if machine is not without and not machine.expected_off]
    if len(rack.control_planes) == 1 or not candidates:
        return rack, {}
    answers, missing = ask(rack, {machine.name: question(str(machine.address()), FOLDER) for machine in candidates}, 20.0, ways)
    return replace(rack, leading=choose([machine.name for machine in candidates], answers)), missing


def refuse_second_cluster(rack: Rack, ways: SshWays) -> None:
    """No control plane that could be asked holds a cluster, and one would be made. Raises CoopError when another
    machine is in one already: its control plane is off, or meant to be."""
    from fabfile.engine.errors import CoopError
    from fabfile.facts.leader import MEMBER
    from fabfile.tasks.queries import ask

    answers, _ = ask(rack, {machine.name: MEMBER for machine in rack.chicks if not machine.expected_off}, 20.0, ways)
    members = [name for name, said in answers.items() if said.split() == ["member"]]
    if members:
        raise CoopError(f"{', '.join(members)} {'is' if len(members) == 1 else 'are'} in a cluster, and no control plane that "
                        "answers has one: a second cluster would be created. Power on the control plane that has it "
                        "(and remove `expect: off`), or remove the machines from their cluster first: kubeadm reset")
