"""Which pods a NoExecute taint evicts: the node controller's rule, applied to a node's pods."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A line a pod: pod, node, namespace, name, owner, phase, tolerations (JSON), with tabs between.
POD_LINE = ('{range .items[*]}pod{"\\t"}{.spec.nodeName}{"\\t"}{.metadata.namespace}{"\\t"}{.metadata.name}{"\\t"}'
            '{.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}{"\\t"}{.status.phase}{"\\t"}'
            '{.spec.tolerations}{"\\n"}{end}')
_NAMED = 12  # pods that are reported by name; of more, how many
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class RunningPod:
    """A pod on a node, with what it tolerates."""

    node: str
    name: str  # "hub/jupyter-ada"
    owner: str  # "ReplicaSet/proxy-6d5f"; empty for one that nobody starts again
    tolerations: tuple[Mapping[str, Any], ...] = ()


def running(lines: Iterable[str]) -> list[RunningPod]:
    """The pods of POD_LINE that have not ended."""
    pods = []
    for line in lines:
        words = line.split("\t")
        if len(words) == 7 and words[0] == "pod" and words[5] not in _ENDED:
            _, node, namespace, name, owner, _, tolerations = words
            pods.append(RunningPod(node, f"{namespace}/{name}", owner.strip("/"),
                                   tuple(json.loads(tolerations or "[]"))))
    return pods


def ended_by(taints: Sequence[tuple[str, str, str]], pods: Iterable[RunningPod]) -> str:
    """What these taints (key, value, effect) do to pods of their node, for a person; empty: nothing."""
    gone: dict[str, list[str]] = {}
    for pod in pods:
        waits = [_tolerated(pod, taint) for taint in taints if taint[2] == "NoExecute"]
        if ends := [wait for wait in waits if wait is not None]:
            after = f" after {min(ends):.0f} s" if min(ends) > 0 else ""
            gone.setdefault(_fate(pod.owner) + after, []).append(pod.name)
    return "; ".join(f"{fate}: {_names(names)}" for fate, names in gone.items())


def _tolerated(pod: RunningPod, taint: tuple[str, str, str]) -> float | None:
    """Seconds until the taint ends the pod; None: it never does."""
    seconds = 0.0
    for one in pod.tolerations:
        if _matches(one, *taint):
            if one.get("tolerationSeconds") is None:
                return None
            seconds = max(seconds, float(one["tolerationSeconds"]))
    return seconds


def _matches(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    if toleration.get("effect") and toleration["effect"] != effect:
        return False
    if toleration.get("key") and toleration["key"] != key:
        return False
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return bool(toleration.get("key")) and toleration.get("value", "") == value
        case _:
            return False


def _fate(owner: str) -> str:
    if not owner or owner.startswith("Node/"):
        return "pods without a controller end"
    if owner.startswith("DaemonSet/"):
        return "pods of DaemonSets end"
    return "pods end, and start on another node"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + more
