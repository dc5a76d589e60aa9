"""The state of a hub: its release, its pods and their nodes, its pages, and its API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fabfile.facts.sections import sections
from fabfile.programs import shell
from fabfile.rack.services import Service
from fabfile.resources.helm import ReleaseFacts
from fabfile.resources.helm_scripts import failure_file, other_managers
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
    unproved: tuple[float, str] | None = None  # when hub.prove failed, if that was its last try, and why

    @property
    def blocked(self) -> tuple[SickNode, ...]:
        """The unhealthy nodes without which the hub does not work."""
        return tuple(node for node in self.sick if node.blocks)

    @property
    def has_old_pages(self) -> bool:
        """Other pages than it should have: not out of the repository, nor a copy of that very commit. What is wanted may be a branch."""
        return bool(self.pages) and self.pages["from"] != "repository" and self.pages["commit"] != self.pages["wanted"]


def question(service: Service, kubeconfig: str, api: str = "") -> str:
    """Shell text for the gateway; `api` is the one that asks the hub. Without it, a quick look at release, pods and
    nodes."""
    namespace, release = service.in_namespace, service.release_name
    return shell("hub", kubeconfig=kubeconfig, namespace=namespace, release=release, claim=DATABASE_CLAIM, pages=STATE,
                 others=other_managers(release, namespace, kubeconfig), api=api, failure=failure_file(namespace, release))


def parse(service: str, answer: str) -> HubState:
    """The answer as values."""
    parts = {name: text.strip("\n") for name, text in sections(answer, "== ")}
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
    at, _, why = parts.get("canary", "").partition(" ")
    return HubState(service, releases[0] if releases else {}, tuple(pods),
                    _json(parts.get("pages", "")) or {}, api if isinstance(api, dict) else {},
                    "" if isinstance(api, dict) else parts.get("api", "").strip(),
                    ReleaseFacts(parts.get("others", "")).foreign, parts.get("cluster", ""), sick,
                    (float(at), why.strip()) if at.isdigit() else None)


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


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
