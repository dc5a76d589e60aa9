"""Organisations in the cluster: a namespace for each, with pod addresses, service addresses and a quota of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.organisations import BLOCK, Organisation
from fabfile.resources import Resource
from fabfile.resources.former_organisation import PEER, SET
from fabfile.resources.pruned_objects import MARK
from fabfile.roles.load_balancer import NAMESPACE, links
from fabfile.roles.manifests import Document, object_text, own
from fabfile.upstream import documents

QUOTA = "coop"  # the ResourceQuota and the LimitRange, in its namespace
SMALL = {"cpu": "10m", "memory": "32Mi"}  # what a container is counted with that asks for nothing
FIRST = 100  # before the charts' own policies, which Calico has at 1000


def organisations(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane: what the cluster has of each, and rooster, which every node tells where pods are."""
    if rack.organisations:
        objects = [one for each in rack.organisations.values() for one in objects_of(rack, each)]
        yield from own("organisations", [*objects, peer(rack)], marked=False)


def marks(rack: Rack) -> dict[str, tuple[str, ...]]:
    """By the mark of each organisation, its objects."""
    return {mark(one): tuple(map(object_text, objects_of(rack, one))) for one in rack.organisations.values()}


def mark(one: Organisation) -> str:
    """The label by which its objects are known when it has left the file."""
    return f"{SET}.{one.name}"


def object_name(one: Organisation) -> str:
    """Of its objects outside of its namespace."""
    return f"{SET}-{one.name}"


def objects_of(rack: Rack, one: Organisation) -> list[Document]:
    """Each bears the organisation's mark; none names another organisation, so that none changes with another."""
    return [_marked(one, document) for document in (
        namespace(one), quota(one), limits(one), pod_addresses(one), closed_to_others(one), *service_addresses(rack, one))]


def _marked(one: Organisation, document: Document) -> Document:
    metadata = document["metadata"]
    return {**document, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), MARK: mark(one)}}}


def namespace(one: Organisation) -> Document:
    """Its pods get addresses of its own range; none may use its node's network, to which no policy applies."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": one.namespace, "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
        "annotations": {"cni.projectcalico.org/ipv4pools": json.dumps([object_name(one)])}}}


def quota(one: Organisation) -> Document:
    """Its limits; and no more services than it has addresses."""
    addresses = sum(network.num_addresses for network in one.addresses)
    hard = {**one.limits.whole, "services.loadbalancers": str(addresses)}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": QUOTA, "namespace": one.namespace}, "spec": {"hard": hard}}


def limits(one: Organisation) -> Document:
    """What a container is counted with that says nothing: a quota would refuse it."""
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": QUOTA, "namespace": one.namespace},
            "spec": {"limits": [{"type": "Container", "defaultRequest": SMALL}]}}


def pod_addresses(one: Organisation) -> Document:
    """Given to nobody who does not name the pool, as its namespace does. Nodes leave the pods' addresses as they are: rooster goes
    by them."""
    return _calico("IPPool", object_name(one), {
        "cidr": str(one.pods), "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": False, "nodeSelector": "!all()",
        "blockSize": BLOCK, "allowedUses": ["Workload"]})


def closed_to_others(one: Organisation) -> Document:
    """No pod of another namespace reaches its pods, whatever a chart's policies allow: theirs come later, and can only add. What
    comes from pods of its own, from nodes, and through rooster from outside is for these policies to allow."""
    other = f"kubernetes.io/metadata.name != '{one.namespace}'"
    return _calico("GlobalNetworkPolicy", f"default.{object_name(one)}", {
        "order": FIRST, "namespaceSelector": f"kubernetes.io/metadata.name == '{one.namespace}'", "types": ["Ingress"],
        "ingress": [{"action": "Deny", "source": {"namespaceSelector": f"has(kubernetes.io/metadata.name) && {other}"}}]})


def service_addresses(rack: Rack, one: Organisation) -> list[Document]:
    """MetalLB gives them to services of its namespace alone."""
    name = object_name(one)
    return [
        _metallb("IPAddressPool", name, {
            "addresses": [str(network) for network in one.addresses], "autoAssign": False, "avoidBuggyIPs": False,
            "serviceAllocation": {"priority": 1, "namespaces": [one.namespace]}}),
        _metallb("L2Advertisement", name, {"ipAddressPools": [name], "interfaces": links(rack)}),
    ]


def peer(rack: Rack) -> Document:
    """rooster, to every node: a speaker of BGP in the cluster's own system, which announces nothing."""
    number = documents.calico_bgp(rack)["asNumber"]
    return _calico("BGPPeer", PEER, {"peerIP": str(rack.gateway.address()), "asNumber": number})


def _calico(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _metallb(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
