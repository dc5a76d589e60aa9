"""What an upgrade of Kubernetes has to know: two questions, to a control plane and to each member, and their answers as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fabfile.programs import shell
from fabfile.resources.kubeadm_upgrade import MARK
from fabfile.upstream.paths import ADMIN_CONF

PATIENCE = 60  # seconds that an API server or etcd is waited for: a run that was killed may have left one starting
AFTER_A_KILL = 300  # the same where kubeadm was at work: a single etcd member alone takes three minutes


@dataclass(frozen=True)
class NodeSeen:
    """A node as the API server knows it."""

    name: str
    ready: bool
    kubelet: str  # "1.36.3"
    containerd: str
    cordoned_by_us: bool = False


@dataclass(frozen=True)
class PodSeen:
    """A pod that a drain would evict. `owner`: the kind of what starts it again, empty for none; `user`: whose server."""

    node: str
    name: str
    owner: str
    user: str = ""

    @property
    def words(self) -> str:
        """For a person: the user of a server, else the pod's name."""
        return f"{self.user}'s server ({self.name})" if self.user else self.name


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget that covers pods."""

    name: str
    expected: int
    healthy: int  # pods that must stay healthy

    @property
    def never(self) -> bool:
        """It never allows an eviction, however long it is waited."""
        return self.expected > 0 and self.healthy >= self.expected


@dataclass(frozen=True)
class ClusterSeen:
    """The whole cluster at one moment. `failed`: what could not be asked, with the reason."""

    configured: str = ""  # of kubeadm-config: "1.36.3"
    nodes: tuple[NodeSeen, ...] = ()
    calico: str = ""  # "v3.32.1"
    pods: tuple[PodSeen, ...] = ()
    budgets: tuple[Budget, ...] = ()
    releases: Mapping[str, str] = field(default_factory=dict)  # "hub/hub" → the Kubernetes versions that its chart names
    undrainable: tuple[tuple[str, str], ...] = ()  # node, and what kubectl says
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MemberSeen:
    """One member, by what lies on its disk. The last five are those of a control plane."""

    name: str
    kubelet: str = ""
    begun: bool = False  # a kubeadm upgrade did not finish
    disks: Mapping[str, int] = field(default_factory=dict)  # mount point → percent free
    manifests: tuple[str, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)  # "kube-apiserver" → "1.36.3"
    etcd: str = ""  # why it is not healthy
    alarms: tuple[str, ...] = ()
    etcd_members: tuple[tuple[str, str], ...] = ()  # state and name of each, as this one knows them
    deprecated: tuple[Mapping[str, str], ...] = ()  # labels of apiserver_requested_deprecated_apis


def cluster_question(nodes: Iterable[str], patience: int = PATIENCE) -> str:
    """Shell text for a control plane."""
    return shell("upgrade_cluster", kubeconfig=ADMIN_CONF, nodes=" ".join(nodes), patience=str(patience))


def member_question(address: str = "", patience: int = PATIENCE) -> str:
    """Shell text for a member; `address`: its own API server's, where it has one."""
    return shell("upgrade_member", address=address, mark=MARK, patience=str(patience), kubeconfig=ADMIN_CONF)


def parse_cluster(answer: str) -> ClusterSeen:
    """What the cluster's answer says."""
    parts: dict[str, list[str]] = {}
    failed: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in answer.splitlines():
        if line.startswith("#failed "):
            lines = failed.setdefault(line.split()[1], [])
        elif line.startswith("#"):
            lines = parts.setdefault(line[1:].strip(), [])
        elif line.strip():
            lines.append(line)
    missing = {name for name in ("configured", "nodes", "calico", "pods", "budgets", "releases", "drains")
               if name not in parts and name not in failed} if "ready" not in failed else set()
    return ClusterSeen(
        configured=next((line.split()[1].removeprefix("v") for line in parts.get("configured", ())
                         if line.startswith("kubernetesVersion:")), ""),
        nodes=tuple(_nodes(parts.get("nodes", ()))),
        calico=next(iter(parts.get("calico", ())), "").rpartition(":")[2],
        pods=tuple(_pods(parts.get("pods", ()))),
        budgets=tuple(Budget(f"{space}/{name}", int(expected or 0), int(healthy or 0))
                      for space, name, expected, healthy in (line.split("|") for line in parts.get("budgets", ()))),
        releases={name: json.loads(wants) if wants.strip() else ""  # Helm writes > as \u003e
                  for name, _, wants in (line.partition(" ") for line in parts.get("releases", ()))},
        undrainable=tuple((node, said) for node, _, said in (line.partition("|") for line in parts.get("drains", ()))),
        failed={name: " ".join(said) for name, said in failed.items()} | dict.fromkeys(missing, "no answer"))


def _nodes(lines: Iterable[str]) -> Iterator[NodeSeen]:
    for line in lines:
        name, ready, kubelet, runtime, ours = line.split("|")
        yield NodeSeen(name, ready == "True", kubelet.removeprefix("v"), runtime.partition("://")[2], ours == "yes")


def _pods(lines: Iterable[str]) -> Iterator[PodSeen]:
    for line in lines:
        node, space, name, owner, phase, user = line.split("|")
        if node and phase not in ("Succeeded", "Failed") and owner not in ("DaemonSet", "Node"):
            yield PodSeen(node, f"{space}/{name}", owner, user)


def parse_member(name: str, answer: str) -> MemberSeen | None:
    """What a member's answer says; None when it is in no cluster."""
    found: dict[str, list[str]] = {}
    for line in answer.splitlines():
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    if "stranger" in found or "kubelet" not in found:
        return None
    return MemberSeen(
        name, kubelet=found["kubelet"][0].partition("-")[0], begun="begun" in found,
        disks={mount: int(free) for mount, free in (line.rsplit(" ", 1) for line in found.get("disk", ()))},
        manifests=tuple(found.get("manifest", ())),
        components={part: version.removeprefix("v") for part, version in (line.split() for line in found.get("runs", ()))},
        etcd=next(iter(found.get("etcd", ())), ""), alarms=tuple(found.get("alarm", ())),
        etcd_members=tuple((state, member) for state, _, member in (line.partition(" ") for line in found.get("member", ()))),
        deprecated=tuple(_labels(line) for line in found.get("deprecated", ())))


def _labels(line: str) -> dict[str, str]:
    """ 'group="batch",version="v1beta1"' as a mapping."""
    return {key: value.strip('"') for key, _, value in (pair.partition("=") for pair in line.split(","))}
