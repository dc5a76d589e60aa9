"""What the pods of a service may have together: ResourceQuotas in its namespace."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import Resource
from fabfile.roles.manifests import Document, own

NAME = "coop"  # of each, in its namespace


def quotas(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane: the quotas of the services that have one, and their namespaces, which helm finds then."""
    objects: list[Document] = []
    for service in rack.services.values():
        if service.quota:
            namespace, hard = service.in_namespace, {key: str(value) for key, value in service.quota.items()}
            objects += [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
                        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": NAME, "namespace": namespace},
                         "spec": {"hard": hard}}]
    if objects:
        yield from own("quotas", objects)
