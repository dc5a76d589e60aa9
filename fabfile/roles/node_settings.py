"""Settings of nodes in hosts.yaml: labels, taints, whether a control plane takes pods."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import NodeSettings, Resource
from fabfile.upstream.paths import ADMIN_CONF


def node_settings(rack: Rack, machine: Machine, members: tuple[Machine, ...] = ()) -> Iterator[Resource]:
    """Asked and set on a control plane, for these members, or all."""
    members = members or rack.chicks
    yield NodeSettings(
        labels={member.name: member.node_labels for member in members},
        taints={member.name: tuple(taint.text for taint in member.node_taints) for member in members if member.node_taints},
        takes_pods={member.name: rack.takes_pods(member) for member in members if member in rack.control_planes},
        kubeconfig=ADMIN_CONF)
