"""The cluster's state on a screen of 100 columns, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fabfile.finding import Finding, healthy
from fabfile.screen import findings

if TYPE_CHECKING:
    from fabfile.facts.cluster import ClusterState, NodeState

WIDTH = 100


def as_json(state: ClusterState, found: Sequence[Finding]) -> str:
    """Everything, the findings, and `healthy` in one word."""
    return json.dumps({**asdict(state), "findings": findings.as_data(found), "healthy": healthy(found)}, indent=2)


def as_text(state: ClusterState, found: Sequence[Finding]) -> str:
    """A table of nodes, what is wrong, worst first, and the certificate that ends first."""
    console = Console(width=WIDTH, highlight=False)
    with console.capture() as captured:
        if state.nodes:
            console.print(_nodes(state))
        if found:
            console.print(findings.as_text(found, WIDTH), markup=False)
        if state.api and healthy(found):
            console.print("every pod is ready")
        if state.certificates:
            name, days = min(state.certificates.items(), key=lambda item: item[1])
            console.print(f"certificates: {escape(name)} expires first, in {days} days")
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _nodes(state: ClusterState) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("node", "state", "role", "address", "kubelet", "runtime", "system", "BGP"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("node", "address"))
    for node in state.nodes:
        sessions = "?" if node.sessions is None else f"{node.sessions}/{len(state.nodes) - 1}"
        role = "control plane" if node.control_plane else "worker"
        table.add_row(node.name, _condition(node), role, node.address, node.kubelet,
                      node.runtime.replace("://", " "), node.system, sessions)
    return table


def _condition(node: NodeState) -> str:
    cordoned = "" if node.schedulable else ", cordoned"
    return f"[green]Ready[/]{cordoned}" if node.ready else f"[red]not Ready[/]{cordoned}"
