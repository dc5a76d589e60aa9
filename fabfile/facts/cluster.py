"""What the cluster says of itself: one question to a control plane, and its answer as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

KUBECONFIG = "/etc/kubernetes/admin.conf"

# kubelet's words for pods that it ended, or refused, because its machine shuts down. Others took their place
# long ago, and nobody takes them away (pkg/kubelet/nodeshutdown).
_SHUT_DOWN = ("Terminated", "NodeShutdown")

# Five answers, each behind a line "#NAME". Whatever the API server does not tell leaves its answer empty.
QUESTION = f"""
export KUBECONFIG={KUBECONFIG}
kubectl() {{ command kubectl --request-timeout=10s "$@" 2>/dev/null; }}
echo '#ready'; kubectl get --raw /readyz
echo; echo '#nodes'; kubectl get nodes -o json
echo; echo '#pods'; kubectl get pods -A -o jsonpath='{{range .items[*]}}{{.metadata.namespace}} \
{{.metadata.name}} {{.spec.nodeName}} {{.status.phase}} \
{{range .status.containerStatuses[*]}}{{.ready}},{{end}} \
{{range .status.containerStatuses[*]}}{{.state.waiting.reason}}{{end}} {{.status.reason}}{{"\\n"}}{{end}}'
echo; echo '#sessions'
for speaker in $(kubectl -n kube-system get pods -l k8s-app=calico-node \
    --field-selector status.phase=Running \
    -o jsonpath='{{range .items[*]}}{{.spec.nodeName}}={{.metadata.name}}{{"\\n"}}{{end}}'); do (
    up=$(kubectl -n kube-system exec "${{speaker#*=}}" -c calico-node -- \
        birdcl -s /var/run/calico/bird.ctl show protocols | grep -c ' BGP .* Established')
    echo "${{speaker%%=*}} $up"
) & done; wait
echo; echo '#certificates'; kubeadm certs check-expiration -o json 2>/dev/null
:
"""


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

    @property
    def healthy(self) -> bool:
        """All nodes Ready and in the full mesh, all pods ready, no certificate about to end."""
        mesh = len(self.nodes) - 1
        return (self.api and bool(self.nodes) and not self.pods
                and min(self.certificates.values(), default=0) > 30
                and all(node.ready and node.schedulable and node.sessions == mesh for node in self.nodes))


def parse(answer: str, now: datetime | None = None) -> ClusterState:
    """The state that an answer to QUESTION tells."""
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
    now = now or datetime.now(timezone.utc)
    return ClusterState(
        api=text.get("ready") == "ok",
        nodes=tuple(_node(item, sessions.get(item["metadata"]["name"])) for item in nodes),
        pods=tuple(filter(None, map(_pod, text.get("pods", "").splitlines()))),
        certificates={each["name"]: (datetime.fromisoformat(each["expirationDate"]) - now).days
                      for key in ("certificates", "certificateAuthorities")
                      for each in certificates.get(key) or () if not each.get("missing")},
    )


def _node(item: dict, sessions: int | None) -> NodeState:
    status = item["status"]
    ready = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    info = status.get("nodeInfo", {})
    return NodeState(
        name=item["metadata"]["name"], ready=ready.get("status") == "True",
        schedulable=not item["spec"].get("unschedulable", False), address=addresses.get("InternalIP", ""),
        kubelet=info.get("kubeletVersion", ""), runtime=info.get("containerRuntimeVersion", ""),
        system=info.get("osImage", ""),
        control_plane="node-role.kubernetes.io/control-plane" in item["metadata"].get("labels", {}),
        why="" if ready.get("status") == "True" else ready.get("message", "it has never reported"),
        sessions=sessions)


def _pod(line: str) -> PodState | None:
    namespace, name, node, phase, *rest = f"{line}      ".split(" ")
    ready, waiting, reason = rest[:3]
    if (phase == "Succeeded" or (phase == "Failed" and reason in _SHUT_DOWN)
            or (phase == "Running" and "false" not in ready)):
        return None
    return PodState(namespace, name, node, waiting or ("not ready" if phase == "Running" else reason or phase))
