"""The check that pods on every node reach each other, services, DNS and the internet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import yaml

from fabfile.programs import body
from fabfile.rack import Machine, Rack
from fabfile.resources import Check
from fabfile.resources.node_images import PULLS
from fabfile.roles.membership_checks import mesh_is_established, nodes_are_ready, of_all_nodes
from fabfile.upstream.documents import cluster_configuration

NAMESPACE = "coop-check"


def members_work_together(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """These machines are Ready, and every node that is Ready works with every other."""
    yield nodes_are_ready(rack, machines)
    yield mesh_is_established(rack)
    yield pods_reach_everything(rack)


def all_work_together(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """The same of every chick that is not missing, whichever machines the step was about."""
    return members_work_together(rack, rack.reached)


def pods_reach_everything(rack: Rack) -> Check:
    """From a pod on every node that is Ready: every other node's pod by a whole unfragmented packet, a service, DNS, the
    world; and no tunnel carries a route of the node."""
    world = urlsplit(rack.network.internet_check)
    port = world.port or {"http": 80, "https": 443}[world.scheme]
    domain = cluster_configuration(rack)["networking"]["dnsDomain"]
    links = " ".join(f"{machine.name}={machine.inner.name}" for machine in rack.chicks)
    what = "on every node, pods reach pods, services, DNS and the internet"
    return Check(what, rack.leader.name, of_all_nodes(
        "mesh", "pod_traffic", namespace=NAMESPACE, objects=yaml.safe_dump_all(_probe(rack), sort_keys=False),
        inside=body("from_a_pod"), links=links, service=f"kubernetes.default.svc.{domain}", host=world.hostname or "",
        port=str(port), page=world.geturl(), proxy=rack.network.proxy.url if rack.network.proxy else "", seconds="150"),
                 limit=240 + 25 * (len(rack.chicks) // 8), most=PULLS, stage=1)  # eight at a time, longest where something is wrong


def _probe(rack: Rack) -> list[dict[str, Any]]:
    labels = {"app": "probe"}
    template: dict[str, Any] = {"metadata": {"labels": labels}}
    container = {"name": "probe", "image": rack.versions.check_image, "command": ["sleep", "900"],
                 "volumeMounts": [{"name": "machine", "mountPath": "/machine", "readOnly": True}]}
    template["spec"] = {
        "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}], "containers": [container],
        "volumes": [{"name": "machine", "hostPath": {"path": "/"}}],
    }
    return [
        # also where pod security or a default of denial holds: it is a check of wires, with the machine's root in its pods
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {
            f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "probe", "namespace": NAMESPACE},
         "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "probe", "namespace": NAMESPACE},
         "spec": {"selector": {"matchLabels": labels}, "template": template}},
    ]
