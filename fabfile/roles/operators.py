"""kubectl for the operators, on rooster."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import Directory, Kubeconfig, Resource
from fabfile.roles.programs import held, kubernetes_programs, kubernetes_repository


def operators(rack: Rack, machine: Machine, days: int = 30) -> Iterator[Resource]:
    """kubectl, and a certificate of the operator's own, no copy of admin.conf: who did what stays visible in audits.
    `days`: how long it is good for at least."""
    yield kubernetes_repository(rack, machine)
    yield from held(kubernetes_programs(rack, "kubectl"))
    user = rack.operator.user
    path = kubeconfig(rack)
    yield Directory(path.rpartition("/")[0], owner=user, group=user, mode=0o700)
    yield Kubeconfig(path, client=user, machine=rack.leader.name,
                     server=f"https://{rack.cluster.endpoint_address}", owner=user, group=user, days=days)


def kubeconfig(rack: Rack) -> str:
    """Where it lies on rooster: what is asked of the cluster from there is asked with it."""
    user = rack.operator.user
    return ("/root" if user == "root" else f"/home/{user}") + "/.kube/config"
