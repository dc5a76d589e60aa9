"""The state of a hub: its release, its pods and their nodes, its pages, and its API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fabfile.finding import Finding, Severity, healthy
from fabfile.programs import shell
from fabfile.rack.services import Service
from fabfile.resources.helm import ReleaseFacts
from fabfile.resources.helm_scripts import other_managers
from fabfile.upstream.pages import DATABASE_CLAIM, STATE

OWN = ("hub-", "proxy-", "autohttps-")  # the pods without which nobody comes in
# A kubelet renews its lease every 10 s; Kubernetes itself calls a node NotReady after 50 s
# (kubernetes/kubernetes, pkg/controller/nodelifecycle).
_SILENT = timedelta(seconds=30)


@dataclass(frozen=True)
class SickNode:
    """A node that is not Ready, or whose kubelet no longer reports; `pods` are the hub's on it."""

    name: str
    since: str  # its last sign of life, or since when it is not Ready: "2026-11-28T16:03:10Z"
    silent: bool
    why: str  # Kubernetes' reason of a node that is not Ready
    pods: tuple[str, ...]
    home: bool  # its disk holds the hub's database

    @property
    def blocks(self) -> bool:
        """Whether the hub does not work without it."""
        return any(pod.startswith(OWN) for pod in self.pods)

    @property
    def finding(self) -> Finding:
        """The problem, what runs on the node, and the command that helps."""
        what = f"{self.name} is silent" if self.silent else f"{self.name} is not Ready ({self.why})"
        on_it = [f"on it: {', '.join(self.pods)}"] if self.pods else []
        on_it += ["the hub's database is on its disk"] if self.home else []
        return Finding(what, self.name, Severity.DOWN if self.blocks else Severity.DEGRADED, "; ".join(on_it), self.since,
                       self._mend)

    @property
    def _mend(self) -> str:
        if not self.silent:
            return f"inv node.status {self.name}"
        moved = f"inv node.remove {self.name} --dead"
        taint = f"kubectl taint node {self.name} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
        rest = "all but the hub, which starts only where its database is" if self.home else "all of it"
        return (f"switch {self.name} on again; if it is really off, and for long, this moves {rest}: {moved} (takes it "
                f"out of the cluster), or {taint} (until it is back)")


@dataclass(frozen=True)
class HubState:
    """`release` is helm's own account (name, revision, status, chart, updated), empty when there is none;
    `pods` are (name, node, state) of those that have not ended; `pages` is where they come from; `api` the
    version, users and servers; `problem` why it is silent; `cluster` why the cluster is."""

    service: str
    release: dict[str, Any]
    pods: tuple[tuple[str, str, str], ...]
    pages: dict[str, str]
    api: dict[str, Any]
    problem: str
    others: str  # who else has set fields of its objects
    cluster: str = ""
    sick: tuple[SickNode, ...] = ()  # of the nodes on which something of it stands

    @property
    def blocked(self) -> tuple[SickNode, ...]:
        """The unhealthy nodes without which the hub does not work."""
        return tuple(node for node in self.sick if node.blocks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong with it."""
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        if self.cluster:
            yield Finding("the API server does not answer", "cluster", Severity.DOWN, self.cluster, fix="inv cluster.status")
        elif not self.release:
            yield Finding(f"{self.service} is not released", self.service, Severity.DOWN, fix="inv hub.upgrade")
        elif self.release.get("status") != "deployed":
            yield Finding(f"revision {self.release.get('revision')} is {self.release.get('status')}", self.service,
                          Severity.DOWN, fix="inv hub.upgrade, or inv hub.rollback --dry")
        yield from (node.finding for node in self.sick)
        sick = {node.name for node in self.sick}
        own = [(name, node, state) for name, node, state in self.pods if name.startswith(OWN)]
        if not own and not self.cluster:
            yield Finding("there is no pod of the hub", self.service, Severity.DOWN, fix="inv hub.upgrade")
        for name, node, state in own:
            if state != "ready" and node not in sick:
                yield Finding(f"{name} is {state}", name, Severity.DOWN, fix="inv hub.logs")
        if not self.api:
            yield Finding("its API does not answer", self.service, Severity.DOWN, self.problem or "no answer")
        if self.pages.get("from", "repository") != "repository":
            yield Finding("its pages are not those of the repository", self.service,
                          evidence="the repository could not be had when the hub started", fix="inv hub.restart")

    @property
    def healthy(self) -> bool:
        """Released, every pod of its own ready, its API answering, its pages those that were wanted."""
        return healthy(self.findings)


def question(service: Service, kubeconfig: str, api: str = "") -> str:
    """Shell text for the gateway; `api` is the one that asks the hub. Without it, a quick look at release, pods and
    nodes."""
    namespace, release = service.in_namespace, service.release_name
    return shell("hub", kubeconfig=kubeconfig, namespace=namespace, release=release, claim=DATABASE_CLAIM, pages=STATE,
                 others=other_managers(release, namespace, kubeconfig), api=api)


def parse(service: str, answer: str) -> HubState:
    """The answer as values."""
    parts = dict(_parts(answer))
    releases = _json(parts.get("release", "")) or []
    api = _json(parts.get("api", "").strip().rpartition("\n")[2])
    pods = []
    for line in parts.get("pods", "").split("\n"):
        name, node, phase, *states = f"{line}  ".split(" ")
        if phase not in ("", "Succeeded", "Failed"):  # an ended one has been replaced; a missing one is Pending
            bad = [state for state in states if state not in ("ready", "")]
            pods.append((name, node, bad[0] if bad else "ready" if phase == "Running" else phase))
    sick = tuple(_sick(parts, pods))
    worse = {node.name: "node silent" if node.silent else "node not Ready" for node in sick}
    # what a kubelet said last of its pods stands there, green, long after it
    pods = [(name, node, worse.get(node, state)) for name, node, state in pods]
    return HubState(service, releases[0] if releases else {}, tuple(pods),
                    _json(parts.get("pages", "")) or {}, api if isinstance(api, dict) else {},
                    "" if isinstance(api, dict) else parts.get("api", "").strip(),
                    ReleaseFacts(parts.get("others", "")).foreign, parts.get("cluster", ""), sick)


def _sick(parts: dict[str, str], pods: list[tuple[str, str, str]]) -> Iterator[SickNode]:
    renewed = {line.split(" ")[0]: line.split(" ")[1] for line in parts.get("leases", "").split("\n")
               if line.count(" ") == 1}
    times = {node: when for node, text in renewed.items() if (when := _time(text))}
    now = max(times.values(), default=None)  # of their clocks, not of the gateway's
    for line in parts.get("nodes", "").split("\n"):
        name, ready, since, why = [*line.split(" "), "", "", "", ""][:4]
        silent = now is not None and name in times and now - times[name] > _SILENT
        on_it = tuple(pod for pod, node, _ in pods if node == name)
        home = parts.get("home", "").strip() == name != ""
        if ready and (silent or ready != "True") and (on_it or home):
            yield SickNode(name, renewed[name][:19] + "Z" if silent else since, silent, why, on_it, home)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parts(answer: str) -> Iterator[tuple[str, str]]:
    for part in answer.split("\n== ")[1:]:
        name, _, text = part.partition("\n")
        yield name, text.strip("\n")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
