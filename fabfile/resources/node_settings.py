"""Labels and taints of the cluster's nodes, probed and changed on a control plane."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from shlex import quote

from fabfile.rack.node_labels import CONTROL_PLANE, NO_ADDRESSES
from fabfile.upstream.paths import ADMIN_CONF

from .base import Change, Command, Resource, refusal
from .eviction import POD_LINE, RunningPod, ended_by, running

LABELS, TAINTS = "coop/labels", "coop/taints"  # annotations of a node: what Coop has set on it
_KEPT_OFF = f"{CONTROL_PLANE}:NoSchedule"

# A line a node: node, name, " KEY=VALUE:EFFECT …", labels (JSON), the two annotations, with tabs between.
_NODE_LINE = ('{range .items[*]}node{"\\t"}{.metadata.name}{"\\t"}'
              '{range .spec.taints[*]} {.key}={.value}:{.effect}{end} {"\\t"}{.metadata.labels}{"\\t"}'
              f'{{.metadata.annotations.{LABELS}}}{{"\\t"}}{{.metadata.annotations.{TAINTS}}}{{"\\n"}}{{end}}')


@dataclass(frozen=True)
class NodeSettings(Resource):
    """The labels and taints of nodes, by the node's name. A node that the cluster does not have is left out.

    They are noted on the node as Coop's, so that what leaves the files is taken away, while others' labels and
    taints stay. kubeadm's own marks of a control plane follow `takes_pods`: with False pods are kept off, and
    MetalLB announces no address from there; with True neither.
    """

    labels: Mapping[str, Mapping[str, str]]
    taints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "KEY=VALUE:EFFECT" or "KEY:EFFECT"
    takes_pods: Mapping[str, bool] = field(default_factory=dict)  # the control planes
    kubeconfig: str = ADMIN_CONF

    @property
    def name(self) -> str:
        return "labels and taints of nodes"

    @property
    def _kubectl(self) -> str:
        return f"kubectl --kubeconfig {quote(self.kubeconfig)} --request-timeout=20s"

    def probe(self) -> str:
        """One question for all nodes; a second one, for the pods that would end, only where a taint is missing."""
        lines = [
            f"if [ ! -r {quote(self.kubeconfig)} ] || ! command -v kubectl >/dev/null; then echo absent; else",
            f"if n=$({self._kubectl} get nodes -o jsonpath={quote(_NODE_LINE)} 2>&1); then printf '%s\\n' \"$n\"",
        ]
        for node, taints in self.taints.items():
            for taint in taints:
                if _split(taint)[2] == "NoExecute":
                    key, value, effect = _split(taint)
                    lines += [f"case $(printf '%s\\n' \"$n\" | grep {quote(f'^node{chr(9)}{node}{chr(9)}')}) in",
                              f"''|*{quote(f' {key}={value}:{effect} ')}*) ;;",
                              f"*) {self._kubectl} get pods -A --field-selector spec.nodeName={quote(node)} "
                              f"-o jsonpath={quote(POD_LINE)} 2>/dev/null || : ;;", "esac"]
        return "\n".join([*lines, "else printf 'failed %s\\n' \"$n\"; fi", "fi"])

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.startswith("failed"):
            yield refusal(f"the nodes cannot be listed: {facts.removeprefix('failed').strip()}")
            return
        lines = facts.split("\n")
        found = {node.name: node for node in filter(None, map(_node, lines))}
        pods = running(lines)
        for name in self.labels:
            if facts.strip() == "absent":
                node = _Node(name, dict.fromkeys((NO_ADDRESSES,) if name in self.takes_pods else (), ""),
                             self._taints(name), {}, ())  # as kubeadm will have made it
            elif name in found:
                node = found[name]
            else:
                continue
            yield from self._label_changes(node)
            yield from self._taint_changes(node, [pod for pod in pods if pod.node == name])

    def _labels(self, name: str) -> dict[str, str]:
        kept = {NO_ADDRESSES: ""} if self.takes_pods.get(name) is False else {}
        return kept | dict(self.labels[name])

    def _taints(self, name: str) -> tuple[str, ...]:
        kept = (_KEPT_OFF,) if self.takes_pods.get(name) is False else ()
        return kept + tuple(self.taints.get(name, ()))

    def _label_changes(self, node: _Node) -> Iterator[Change]:
        wanted = self._labels(node.name)
        put = {key: value for key, value in wanted.items() if node.labels.get(key) != value}
        gone = [key for key, value in node.set_labels.items()
                if key not in wanted and node.labels.get(key) == value]
        if self.takes_pods.get(node.name) and NO_ADDRESSES in node.labels:
            gone.append(NO_ADDRESSES)
        noted = dict(self.labels[node.name])
        if not put and not gone and noted == node.set_labels:
            return
        told = [_differs(node, key, value) for key, value in put.items()]
        told += [f"label {key} is set, and not in the files" for key in gone]
        told += [f"label {key}, which Coop had set, was changed outside Coop: it stays"
                 for key in node.set_labels if key not in wanted and key not in gone]
        patch = {"metadata": {"labels": put | dict.fromkeys(gone),
                              "annotations": {LABELS: json.dumps(noted, sort_keys=True) if noted else None}}}
        script = f"{self._kubectl} patch node {quote(node.name)} --type=merge -p {quote(json.dumps(patch))}"
        yield Change(f"{node.name}: " + ("; ".join(told) or "its labels are not recorded as set by Coop"),
                     (Command(script, shown=f"kubectl label node {node.name} {_shown(put, gone)}".rstrip()),),
                     interrupts=f"addresses of services that {node.name} answers for move to another node: "
                                "connections through them break" if NO_ADDRESSES in put else "")

    def _taint_changes(self, node: _Node, pods: list[RunningPod]) -> Iterator[Change]:
        wanted, noted = self._taints(node.name), tuple(self.taints.get(node.name, ()))
        places = {_place(taint) for taint in wanted}
        put = [taint for taint in wanted if taint not in node.taints]
        gone = [taint for taint in node.set_taints if taint in node.taints and _place(taint) not in places]
        if self.takes_pods.get(node.name):
            gone += [taint for taint in node.taints if _place(taint) == _place(_KEPT_OFF)]
        if not put and not gone and set(noted) == set(node.set_taints):
            return
        told = [f"taint {taint} is absent" + (", changed outside Coop" if taint in node.set_taints else "")
                for taint in put]
        told += [f"taint {taint} is set, and not in the files" for taint in gone]
        kubectl, name = self._kubectl, quote(node.name)
        before = sorted({*noted, *node.set_taints})  # what a run that is cut short has set must be known as Coop's
        words = [*put, *(":".join(_place(taint)) + "-" for taint in gone)]
        script = [f"{kubectl} annotate --overwrite node {name} {quote(f'{TAINTS}={chr(32).join(before)}')}"] \
            if set(before) != set(node.set_taints) else []
        script += [f"{kubectl} taint --overwrite node {name} {' '.join(map(quote, words))}"] if words else []
        if set(before) != set(noted):
            note = f"{TAINTS}={' '.join(noted)}" if noted else f"{TAINTS}-"
            script.append(f"{kubectl} annotate --overwrite node {name} {quote(note)}")
        lost = [ended_by([_split(taint) for taint in put], pods)]
        if _KEPT_OFF in put:
            lost.append("no new pods start there; those that run there stay until they end")
        yield Change(f"{node.name}: " + ("; ".join(told) or "its taints are not recorded as set by Coop"),
                     (Command("\n".join(script), shown=f"kubectl taint node {node.name} {' '.join(words)}".rstrip()),),
                     interrupts=f"on {node.name} " + "; ".join(filter(None, lost)) if any(lost) else "")


@dataclass(frozen=True)
class _Node:
    """A node as it is, and what Coop has set on it."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[str, ...]
    set_labels: Mapping[str, str]
    set_taints: tuple[str, ...]


def _node(line: str) -> _Node | None:
    words = line.split("\t")
    if len(words) != 6 or words[0] != "node":
        return None
    _, name, taints, labels, set_labels, set_taints = words
    return _Node(name, json.loads(labels or "{}"), tuple(taint.replace("=:", ":") for taint in taints.split()),
                 json.loads(set_labels or "{}"), tuple(set_taints.split()))


def _differs(node: _Node, key: str, value: str) -> str:
    now = f"is {node.labels[key] or 'empty'}" if key in node.labels else "is absent"
    hand = ", changed outside Coop" if node.set_labels.get(key) == value else ""
    return f"label {key} {now}{hand}, should be {value or 'empty'}"


def _shown(put: Mapping[str, str], gone: list[str]) -> str:
    return " ".join([*(f"{key}={value}" for key, value in put.items()), *(f"{key}-" for key in gone)])


def _split(taint: str) -> tuple[str, str, str]:
    """Key, value, effect."""
    name, _, effect = taint.rpartition(":")
    key, _, value = name.partition("=")
    return key, value, effect


def _place(taint: str) -> tuple[str, str]:
    """A node has one taint of a key and an effect."""
    key, _, effect = _split(taint)
    return key, effect
