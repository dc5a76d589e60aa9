"""The pod network: Calico by BGP, from node to node, without a tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Download, NoOtherPodNetwork, Resource
from fabfile.roles.dns import placed_dns
from fabfile.roles.manifests import Document, own, vendors
from fabfile.roles.settings import kube_proxy_settings
from fabfile.upstream import documents
from fabfile.upstream.paths import ADMIN_CONF
from fabfile.upstream.tolerations import addon_leaves_soon


def calico(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """kube-proxy's settings, then the vendor's manifest as it was published, changed by patches alone, then Calico's
    own objects: their dataplane is the one that kube-proxy has by then.

    Two sets, because Calico's objects are of kinds that its manifest defines.
    """
    yield NoOtherPodNetwork(ADMIN_CONF)
    yield from kube_proxy_settings(rack, machine)
    version = rack.versions.calico
    if version.calicoctl:
        yield Download(version.calicoctl.url, version.calicoctl.sha256, "/usr/local/bin/calicoctl",
                       mode=0o755)
    yield from vendors("calico", version, {"node.yaml": node_patch(rack), "config.yaml": config_patch(),
                                            "controllers.yaml": controllers_patch()},
                       beside={"endpoint.yaml": api_endpoint(rack)})
    # Calico's own programs write these objects too, and keep no label that they did not set.
    yield from own("pod-network", [*pod_network(rack), *placed_dns(rack)], marked=False)


def api_endpoint(rack: Rack) -> Document:
    """Where Calico finds the API: where kubelet does, instead of the service's address.

    On a machine that joins or starts, that address leads nowhere until kube-proxy has written its rules, and
    calico-node, which starts at the same moment, would wait half a minute before it asks again.
    """
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kubernetes-services-endpoint", "namespace": "kube-system"},
        "data": {"KUBERNETES_SERVICE_HOST": rack.cluster.endpoint, "KUBERNETES_SERVICE_PORT": str(API_PORT)},
    }


def node_patch(rack: Rack) -> Document:
    """The settings of calico-node. Containers and variables go by name, so this fits 3.28 as it fits 3.32."""
    environment = [{"name": name, "value": str(value)} for name, value in documents.calico_env(rack).items()]
    return {
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "calico-node", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "calico-node", "env": environment}]}}},
    }


def config_patch() -> Document:
    """BGP by BIRD, and an MTU of 0: the link's own, for nothing is wrapped around a packet."""
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "calico-config", "namespace": "kube-system"},
        "data": {"calico_backend": "bird", "veth_mtu": "0"},
    }


def controllers_patch() -> Document:
    """calico-kube-controllers leaves a dead node soon: meanwhile nobody takes back the addresses of pods that have gone."""
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "calico-kube-controllers", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"tolerations": addon_leaves_soon()}}},
    }


def pod_network(rack: Rack) -> list[Document]:
    """Calico's own objects. Calico makes them by its defaults when they are missing; these are the rack's."""
    return [
        _object("IPPool", "default-ipv4-ippool", documents.calico_pool(rack)),
        _object("BGPConfiguration", "default", documents.calico_bgp(rack)),
        _object("FelixConfiguration", "default", documents.calico_felix(rack)),
    ]


def _object(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
