"""The pod network: Calico by BGP, from node to node, without a tunnel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack import upstream
from fabfile.resources import Download, File, KubernetesObjects, Resource

CALICO = "/etc/coop/manifests/calico"
POD_NETWORK = "/etc/coop/manifests/pod-network"


def calico(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The vendor's manifest as it was published, changed by patches alone; then Calico's own objects.

    Two sets, because Calico's objects are of kinds that its manifest defines.
    """
    version = rack.versions.calico
    manifest = f"{CALICO}/calico.yaml"
    if version.calicoctl:
        yield Download(version.calicoctl.url, version.calicoctl.sha256, "/usr/local/bin/calicoctl",
                       mode=0o755)
    yield Download(version.manifest, version.sha256, manifest)
    patches = {"node.yaml": node_patch(rack), "config.yaml": config_patch()}
    patched = {f"{CALICO}/kustomization.yaml": _kustomization(["calico.yaml"], [*patches]),
               **{f"{CALICO}/{name}": _dump(patch) for name, patch in patches.items()}}
    yield from (File(path, content) for path, content in patched.items())
    yield KubernetesObjects("calico", CALICO, files=(manifest, *patched))
    own = {f"{POD_NETWORK}/kustomization.yaml": _kustomization(["objects.yaml"]),
           f"{POD_NETWORK}/objects.yaml": yaml.safe_dump_all(pod_network(rack), sort_keys=False)}
    yield from (File(path, content) for path, content in own.items())
    yield KubernetesObjects("pod-network", POD_NETWORK, files=tuple(own))


def node_patch(rack: Rack) -> dict[str, Any]:
    """What calico-node is told. Containers and variables go by name, so this fits 3.28 as it fits 3.32."""
    environment = [{"name": name, "value": str(value)} for name, value in upstream.calico_env(rack).items()]
    return {
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "calico-node", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "calico-node", "env": environment}]}}},
    }


def config_patch() -> dict[str, Any]:
    """BGP by BIRD, and an MTU of 0: the link's own, for nothing is wrapped around a packet."""
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "calico-config", "namespace": "kube-system"},
        "data": {"calico_backend": "bird", "veth_mtu": "0"},
    }


def pod_network(rack: Rack) -> list[dict[str, Any]]:
    """Calico's own objects. Calico makes them by its defaults when they are missing; these are the rack's."""
    return [
        _object("IPPool", "default-ipv4-ippool", upstream.calico_pool(rack)),
        _object("BGPConfiguration", "default", upstream.calico_bgp(rack)),
        _object("FelixConfiguration", "default", upstream.calico_felix(rack)),
    ]


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _kustomization(resources: list[str], patches: list[str] | None = None) -> str:
    paths = {"patches": [{"path": path} for path in patches]} if patches else {}
    return _dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
                  "resources": resources, **paths})


def _dump(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False)
