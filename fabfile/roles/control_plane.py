"""chick0: the machine where the cluster is created."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Check, ControlPlane, DnsAddon, Resource
from fabfile.roles.endpoint import endpoint_answers
from fabfile.roles.kubeadm_config import init_config
from fabfile.roles.member import kubelet_settings
from fabfile.roles.settings import cluster_settings, kubelet
from fabfile.upstream.documents import certificates_folder, etcd_folder, has_addon
from fabfile.upstream.paths import ADMIN_CONF


def control_plane(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The first member of the cluster, made by kubeadm init; then what the cluster keeps of its settings."""
    others = tuple(f"{other.address()}:{API_PORT}" for other in rack.control_planes if other is not machine)
    yield kubelet_settings(machine)
    yield ControlPlane(init_config(rack, machine), machine.name, others, etcd=etcd_folder(rack), pki=certificates_folder(rack))
    yield from kubelet(rack, machine)
    yield cluster_settings(rack, machine)
    if has_addon(rack, machine, "dns"):
        yield DnsAddon(init_config(rack, machine))


def api_answers(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """The API server is ready, by its own word."""
    yield Check("the API server is ready", rack.leader.name,
                f"kubectl --kubeconfig {ADMIN_CONF} --request-timeout=5s get --raw /readyz 2>&1", limit=120)
    yield from endpoint_answers(rack)
