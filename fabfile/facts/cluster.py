"""The state of the cluster: one query to a control plane, and its answer as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF

# kubelet's words for pods that it ended, or refused, because its machine shuts down. Others took their place
# long ago, and nobody takes them away (pkg/kubelet/nodeshutdown).
_SHUT_DOWN = ("Terminated", "NodeShutdown")
AWAITER = "hook-image-awaiter"  # runs as long as an upgrade waits for images on every node
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


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
    pressures: tuple[str, ...] = ()  # conditions that say that it runs short of something
    bgp_address: str = ""  # what Calico tells its peers
    taints: tuple[str, ...] = ()  # "KEY:EFFECT"
    labels: tuple[str, ...] = ()
    created: str = ""  # when it joined; ISO 8601


@dataclass(frozen=True)
class PodState:
    """A pod that is not as it should be."""

    namespace: str
    name: str
    node: str
    state: str
    since: str = ""
    ending: str = ""  # since when it is being deleted
    restarts: int = 0


@dataclass(frozen=True)
class ServiceState:
    """A Service. `address` is what it has as a LoadBalancer, `wanted` what it asks for."""

    namespace: str
    name: str
    kind: str
    cluster_ip: str
    address: str
    wanted: str


@dataclass(frozen=True)
class PoolState:
    """A pool of Calico's."""

    name: str
    network: str
    ipip: str
    vxlan: str
    uses: str


@dataclass(frozen=True)
class ClusterState:
    """Everything at one moment. Without `api` the API server did not answer: only certificates are known. What is None was
    not told."""

    api: bool
    nodes: tuple[NodeState, ...] = ()
    pods: tuple[PodState, ...] = ()
    certificates: Mapping[str, int] | None = None  # name → days left
    objects: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=lambda: MappingProxyType({}))
    pools: tuple[PoolState, ...] | None = None
    ca: str = ""  # the fingerprint that new members are told
    corefile: str = ""

    def of_kind(self, kind: str) -> Mapping[str, tuple[str, ...]]:
        """"NAMESPACE/NAME" → what was told of each."""
        return self.objects.get(kind, {})

    @property
    def services(self) -> dict[str, ServiceState]:
        return {where: _service(where, [*words, *["-"] * 5][:5]) for where, words in self.of_kind("Service").items()}

    def ready_endpoints(self, service: str) -> int:
        """How many ready endpoints a Service has."""
        namespace, name = service.split("/", 1)
        return sum(words[1].count(",") for where, words in self.of_kind("EndpointSlice").items()
                   if where.startswith(f"{namespace}/") and words[:1] == (name,) and len(words) > 1)


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
    certificates = json.loads(text["certificates"] or "{}") if "certificates" in text else None
    objects = _objects(text.get("objects", ""))
    return ClusterState(
        api=text.get("ready") == "ok",
        nodes=tuple(_node(item, sessions.get(item["metadata"]["name"])) for item in nodes),
        pods=tuple(filter(None, map(_pod, text.get("pods", "").splitlines()))),
        certificates=None if certificates is None else _days_left(certificates, now or datetime.now(UTC)),
        objects=objects,
        pools=tuple(PoolState(*[*line.split(" "), ""][:5]) for line in text["pools"].splitlines()) if text.get("pools") else None,
        ca=text.get("ca", ""), corefile=text.get("corefile", ""))


def _days_left(certificates: Mapping[str, Any], now: datetime) -> dict[str, int]:
    return {each["name"]: (datetime.fromisoformat(each["expirationDate"]) - now).days
            for key in ("certificates", "certificateAuthorities")
            for each in certificates.get(key) or () if not each.get("missing")}


def _service(where: str, words: Sequence[str]) -> ServiceState:
    namespace, _, name = where.partition("/")
    kind, cluster_ip, address, noted, asked = words
    return ServiceState(namespace, name, kind, cluster_ip, address.strip(",-"), noted if noted != "-" else asked.strip("-"))


def _objects(text: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in text.splitlines():
        kind, namespace, name, *words = f"{line}  ".split(" ")
        found.setdefault(kind, {})[name if namespace == "-" else f"{namespace}/{name}"] = tuple(word for word in words if word)
    return found


def _node(item: Mapping[str, Any], sessions: int | None) -> NodeState:
    status, meta = item["status"], item["metadata"]
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    ready: Mapping[str, str] = conditions.get("Ready", {})
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    info = status.get("nodeInfo", {})
    return NodeState(
        name=meta["name"], ready=ready.get("status") == "True",
        schedulable=not item["spec"].get("unschedulable", False), address=addresses.get("InternalIP", ""),
        kubelet=info.get("kubeletVersion", ""), runtime=info.get("containerRuntimeVersion", ""),
        system=info.get("osImage", ""),
        control_plane="node-role.kubernetes.io/control-plane" in meta.get("labels", {}),
        why="" if ready.get("status") == "True" else ready.get("message", "it has never reported"),
        since=ready.get("lastTransitionTime", ""), sessions=sessions,
        pressures=tuple(f"{name}: {conditions[name].get('message', '')}" for name in _PRESSURES
                        if conditions.get(name, {}).get("status") == "True"),
        bgp_address=meta.get("annotations", {}).get("projectcalico.org/IPv4Address", ""),
        taints=tuple(f"{taint['key']}:{taint['effect']}" for taint in item["spec"].get("taints") or ()),
        labels=tuple(meta.get("labels", {})), created=meta.get("creationTimestamp", ""))


def _pod(line: str) -> PodState | None:
    namespace, name, node, phase, *rest = f"{line}{' ' * 12}".split(" ")
    ready, waiting, reason, ending, created, restarts, changed, scheduled = rest[:8]
    if (phase == "Succeeded" or (phase == "Failed" and reason in _SHUT_DOWN)
            or (phase == "Running" and "false" not in ready and not ending and not name.startswith(AWAITER))):
        return None
    state = waiting or ("not ready" if phase == "Running" else reason or (scheduled if phase == "Pending" else "") or phase)
    return PodState(namespace, name, node, "Terminating" if ending else state, changed or created, ending,
                    sum(int(one) for one in restarts.split(",") if one.isdigit()))


def renewed(state: ClusterState) -> Iterator[tuple[str, datetime]]:
    """Each node's last sign of life, by its own lease."""
    for where, words in state.of_kind("Lease").items():
        namespace, _, name = where.partition("/")
        if namespace == "kube-node-lease" and words:
            with suppress(ValueError):
                yield name, datetime.fromisoformat(words[0]).astimezone(UTC)
