"""Where CoreDNS runs: on more than one node, where there are several."""

from __future__ import annotations

from fabfile.rack import Machine, Rack
from fabfile.rack.node_labels import CONTROL_PLANE
from fabfile.roles.manifests import Document
from fabfile.upstream import documents
from fabfile.upstream.tolerations import addon_leaves_soon

_LABELS = {"k8s-app": "kube-dns"}


def placed_dns(rack: Rack) -> list[Document]:
    """A part of kubeadm's Deployment: its two pods are never on one node where there are two, and leave one that is dead soon.

    kubeadm only prefers that, so both stand on the node that is Ready first, and stay there. When that node is away, no
    pod of the cluster can resolve a name until Kubernetes gives them up.
    """
    if not documents.has_addon(rack, rack.leader, "dns"):
        return []
    spec: Document = {}
    if sum(_takes_dns(machine) for machine in rack.chicks) > 1:  # applied without it, the field goes: on one node a pod would wait for ever
        term = {"labelSelector": {"matchLabels": _LABELS}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    spec["tolerations"] = addon_leaves_soon()
    return [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "coredns", "namespace": "kube-system"},
             "spec": {"template": {"spec": spec}}}]


def _takes_dns(machine: Machine) -> bool:
    """Whether its pods tolerate the machine: they do tolerate a control plane's own taint."""
    return not machine.expected_off and all(
        taint.effect == "PreferNoSchedule" or taint.key == CONTROL_PLANE for taint in machine.node_taints)
