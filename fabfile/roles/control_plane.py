"""chick0: the machine where the cluster is made."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack import upstream
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Check, ControlPlane, Resource, Unit
from fabfile.roles.member import kubelet_settings

KUBECONFIG = "/etc/kubernetes/admin.conf"


def control_plane(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The first member of the cluster, made by kubeadm init."""
    others = tuple(f"{other.address()}:{API_PORT}" for other in rack.control_planes if other is not machine)
    yield kubelet_settings(machine)
    yield ControlPlane(init_config(rack, machine), machine.name, others)
    yield Unit("kubelet")


def init_config(rack: Rack, machine: Machine) -> str:
    """What `kubeadm init --config` reads: four documents.

    kubeadm makes a token of 24 hours unless it is told of another; this one is over before anybody could
    use it.
    """
    init = upstream.init_configuration(rack, machine)
    init.setdefault("bootstrapTokens", [{"ttl": "1m0s", "description": "of kubeadm init, unused"}])
    return yaml.safe_dump_all(
        [init, upstream.cluster_configuration(rack), upstream.kubelet_configuration(rack),
         upstream.kube_proxy_configuration(rack)], sort_keys=False)


def api_answers(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """The API server is ready, by its own word."""
    yield Check("the API server is ready", rack.leader.name,
                f"kubectl --kubeconfig {KUBECONFIG} --request-timeout=5s get --raw /readyz 2>&1", limit=120)
