"""The check that nothing is left on a node whose machine is dead."""

from __future__ import annotations

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.resources import Check
from fabfile.resources.base import NOTE
from fabfile.upstream.paths import ADMIN_CONF


def everything_has_left(rack: Rack, machine: Machine) -> Check:
    """Pods that still stand there are named, with what holds them."""
    return Check(f"no pods and no volumes are on {machine.name}", rack.leader.name,
                 shell("evicted", node=machine.name, kubeconfig=ADMIN_CONF, notice=NOTE), limit=300)
