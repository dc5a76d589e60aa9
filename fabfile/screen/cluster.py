"""The cluster's state on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.finding import Finding, healthy
from fabfile.screen import findings
from fabfile.screen.table import WIDTH, ruled_table

if TYPE_CHECKING:
    from fabfile.facts.cluster import ClusterState, NodeState


def as_json(state: ClusterState, found: Sequence[Finding]) -> str:
    """Everything, the findings, and `healthy` in one word."""
    return json.dumps({**asdict(state), "findings": findings.as_data(found), "healthy": healthy(found)}, indent=2)


def as_text(state: ClusterState, found: Sequence[Finding]) -> str:
    """A table of nodes, what is wrong, worst first, and the certificate that ends first."""
    parts = [_nodes(state)] if state.nodes else []
    if found:
        parts.append(findings.as_text(found, WIDTH))
    if state.api and healthy(found):
        parts.append("every pod is ready")
    if state.certificates:
        name, days = min(state.certificates.items(), key=lambda item: item[1])
        parts.append(f"certificates: the first to end is {name}, in {days} days")
    return "\n".join(parts)


def _nodes(state: ClusterState) -> str:
    rows = []
    for node in state.nodes:
        sessions = "?" if node.sessions is None else f"{node.sessions}/{len(state.nodes) - 1}"
        role = "control plane" if node.control_plane else "worker"
        rows.append((node.name, _condition(node), role, node.address, node.kubelet, node.runtime.replace("://", " "),
                     node.system, sessions))
    return ruled_table(("node", "state", "role", "address", "kubelet", "runtime", "system", "BGP"), rows,
                       whole=("node", "address"))


def _condition(node: NodeState) -> Text:
    state = Text("Ready", "green") if node.ready else Text("not Ready", "red")
    return state if node.schedulable else state.append(", cordoned", "none")
