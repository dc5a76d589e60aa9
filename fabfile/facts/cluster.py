"""The state of the cluster: one query to a control plane, and its answer as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from fabfile.finding import Finding, Severity
from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF

# kubelet's words for pods that it ended, or refused, because its machine shuts down. Others took their place
# long ago, and nobody takes them away (pkg/kubelet/nodeshutdown).
_SHUT_DOWN = ("Terminated", "NodeShutdown")


def question() -> str:
    """Shell text for a control plane."""
    return shell("nodes", "cluster", kubeconfig=ADMIN_CONF)


@dataclass(frozen=True)
class NodeState:
    """One node, as the API server knows it."""

    name: str
    ready: bool
    schedulable: bool
    address: str
    kubelet: str
    runtime: str
    system: str
    control_plane: bool
    why: str = ""  # the reason of a node that is not Ready
    since: str = ""  # when it last became Ready, or not Ready; ISO 8601
    sessions: int | None = None  # BGP sessions that are Established; None: it could not be asked


@dataclass(frozen=True)
class PodState:
    """A pod that is not as it should be."""

    namespace: str
    name: str
    node: str
    state: str


@dataclass(frozen=True)
class ClusterState:
    """Everything at one moment. Without `api` the API server did not answer: only certificates are known."""

    api: bool
    nodes: tuple[NodeState, ...]
    pods: tuple[PodState, ...]
    certificates: Mapping[str, int]  # name → days left


def parse(answer: str, now: datetime | None = None) -> ClusterState:
    """The state from an answer to the question."""
    parts: dict[str, list[str]] = {}
    section: list[str] = []
    for line in answer.split("\n"):
        if line.startswith("#") and line[1:].isalpha():
            section = parts.setdefault(line[1:], [])
        else:
            section.append(line)
    text = {name: "\n".join(lines).strip() for name, lines in parts.items()}
    sessions = {name: int(up) for name, up in map(str.split, text.get("sessions", "").splitlines())}
    nodes = json.loads(text.get("nodes") or '{"items": []}')["items"]
    certificates = json.loads(text.get("certificates") or "{}")
    now = now or datetime.now(UTC)
    return ClusterState(
        api=text.get("ready") == "ok",
        nodes=tuple(_node(item, sessions.get(item["metadata"]["name"])) for item in nodes),
        pods=tuple(filter(None, map(_pod, text.get("pods", "").splitlines()))),
        certificates={each["name"]: (datetime.fromisoformat(each["expirationDate"]) - now).days
                      for key in ("certificates", "certificateAuthorities")
                      for each in certificates.get(key) or () if not each.get("missing")},
    )


def _node(item: Mapping[str, Any], sessions: int | None) -> NodeState:
    status = item["status"]
    ready: Mapping[str, str] = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    info = status.get("nodeInfo", {})
    return NodeState(
        name=item["metadata"]["name"], ready=ready.get("status") == "True",
        schedulable=not item["spec"].get("unschedulable", False), address=addresses.get("InternalIP", ""),
        kubelet=info.get("kubeletVersion", ""), runtime=info.get("containerRuntimeVersion", ""),
        system=info.get("osImage", ""),
        control_plane="node-role.kubernetes.io/control-plane" in item["metadata"].get("labels", {}),
        why="" if ready.get("status") == "True" else ready.get("message", "it has never reported"),
        since=ready.get("lastTransitionTime", ""), sessions=sessions)


def _pod(line: str) -> PodState | None:
    namespace, name, node, phase, *rest = f"{line}      ".split(" ")
    ready, waiting, reason = rest[:3]
    if (phase == "Succeeded" or (phase == "Failed" and reason in _SHUT_DOWN)
            or (phase == "Running" and "false" not in ready)):
        return None
    return PodState(namespace, name, node, waiting or ("not ready" if phase == "Running" else reason or phase))


_LASTING = 30  # days that a certificate should still be good for


def findings(state: ClusterState, members: Iterable[str], off: Set[str] = frozenset(),
             missing: Mapping[str, str] = MappingProxyType({})) -> list[Finding]:
    """What is wrong with the cluster. `members`: who should be in it; `off`: who is meant to be off; `missing`: the
    control planes that could not be reached, with the reason."""
    found = [Finding(f"{name}, a control plane, cannot be reached", name, Severity.DEGRADED, why,
                     fix=f"is it off for good: inv node.remove {name} --dead; in repair: `expect: off` in hosts.yaml")
             for name, why in missing.items()]
    if not state.api:
        return [*found, Finding("the API server does not answer", "cluster", Severity.DOWN,
                                fix="inv node.status MACHINE of each control plane says how it is")]
    known = {node.name for node in state.nodes}
    ready = {node.name for node in state.nodes if node.ready}
    for node in state.nodes:
        found += _of_node(node, len(ready) - 1, set(members), off)
    absent = [name for name in members if name not in known and name not in missing]
    found += [Finding(f"{name} is not in the cluster: it is off, as hosts.yaml expects", name, Severity.NOTICE) if name in off
              else Finding(f"{name} is in hosts.yaml, not in the cluster", name, fix=f"inv node.add {name}")
              for name in absent]
    away: dict[str, list[str]] = {}
    for pod in state.pods:
        if pod.node in known - ready:
            away.setdefault(pod.node, []).append(f"{pod.namespace}/{pod.name}")
        else:
            found.append(Finding(f"pod {pod.namespace}/{pod.name} is not ready", pod.node or "-", evidence=pod.state,
                                 fix=f"kubectl -n {pod.namespace} describe pod {pod.name}"))
    found += [Finding(f"{len(pods)} pods are on {node}, which is not Ready", node, evidence=", ".join(pods))
              for node, pods in away.items() if node not in off]
    name, days = min(state.certificates.items(), key=lambda item: item[1], default=("", 0))
    if not state.certificates:
        found.append(Finding("the expiry of the certificates could not be read", "control planes",
                             fix="kubeadm certs check-expiration, on a control plane"))
    elif days <= _LASTING:
        found.append(Finding(f"the certificate {name} expires in {days} days", "control planes",
                             fix="kubeadm certs renew all, on each control plane, and restart its static pods"))
    return found


def _of_node(node: NodeState, mesh: int, members: Set[str], off: Set[str]) -> Iterator[Finding]:
    if node.name in off:
        told = "is Ready, though hosts.yaml expects it to be off" if node.ready else "is off, as hosts.yaml expects"
        yield Finding(f"{node.name} {told}", node.name, Severity.NOTICE, since=node.since)
        return
    if not node.ready:
        yield Finding(f"{node.name} is not Ready", node.name, Severity.DEGRADED, node.why, node.since,
                      f"inv node.status {node.name}; when it is off for good: inv node.remove {node.name} --dead")
        return
    if node.name not in members:
        yield Finding(f"{node.name} is in the cluster, not in hosts.yaml", node.name,
                      fix=f"put it into hosts.yaml, or: kubectl drain {node.name}, kubectl delete node {node.name}")
    if not node.schedulable:
        yield Finding(f"{node.name} takes no new pods (cordoned)", node.name, fix=f"kubectl uncordon {node.name}")
    if node.sessions != mesh:
        yield Finding(f"{node.name} has {'?' if node.sessions is None else node.sessions} BGP sessions of {mesh}",
                      node.name, fix="kubectl -n kube-system logs -l k8s-app=calico-node -c calico-node --tail=20")
