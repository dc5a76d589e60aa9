"""What Coop keeps on hold, so that no update moves it."""

from __future__ import annotations

from collections.abc import Mapping

from fabfile.rack import Machine, Rack
from fabfile.roles.gpu import gpu_packages
from fabfile.roles.programs import held_on_chicks, kubernetes_programs


def held_by_coop(rack: Rack, machine: Machine) -> Mapping[str, str]:
    """Package → version: of a member those of Kubernetes, containerd and a GPU; rooster has kubectl."""
    return {**held_on_chicks(rack), **gpu_packages(rack, machine)} if machine in rack.chicks else kubernetes_programs(rack, "kubectl")
