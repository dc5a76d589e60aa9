"""Labels and taints of a node, by Kubernetes' own rules of spelling
(k8s.io/apimachinery pkg/util/validation, k8s.io/kubernetes pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from fabfile.rack.spelling import did_you_mean
from fabfile.rack.values import Part, Text, pattern, refuse

Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
EFFECTS = get_args(Effect)

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"  # kubeadm's label, and its taint
NO_ADDRESSES = "node.kubernetes.io/exclude-from-external-load-balancers"  # MetalLB leaves such a node out

# What Kubernetes writes by itself: kubelet again and again, the node controller by the node's state.
OWN_LABELS = ("kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
              "beta.kubernetes.io/os", "beta.kubernetes.io/arch")
OWN_TAINTS = tuple(f"node.kubernetes.io/{state}" for state in (
    "not-ready", "unreachable", "memory-pressure", "disk-pressure", "pid-pressure", "network-unavailable",
    "unschedulable", "out-of-service"))
KNOWN = (*OWN_LABELS, CONTROL_PLANE, NO_ADDRESSES, *OWN_TAINTS, "node.kubernetes.io/instance-type",
         "topology.kubernetes.io/zone", "topology.kubernetes.io/region")
PREFIXES = sorted({key.partition("/")[0] for key in KNOWN} | {"node-restriction.kubernetes.io"})

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not _NAME.fullmatch(name) or len(name) > 63:
        raise refuse(f"{text!r} is not a label's key", "[PREFIX/]NAME; the name has letters, digits, - _ . inside, "
                     "at most 63")
    if slash and (not _PREFIX.fullmatch(prefix) or len(prefix) > 253):
        raise refuse(f"{prefix!r} is not a label's prefix", "a domain in small letters, such as example.org")
    if meant := _misspelt(prefix, name):
        raise refuse(f"Kubernetes has no {text}", f"did you mean {meant}?")
    return text


def _misspelt(prefix: str, name: str) -> str:
    """The key of Kubernetes' own that is almost this one."""
    def near(word: str, known: Iterable[str], likeness: float) -> str:
        return next(iter(get_close_matches(word.lower(), [one for one in known if one != word], 1, likeness)), "")

    if "." not in prefix:
        return ""
    if prefix not in PREFIXES:
        meant = near(prefix, PREFIXES, 0.85)
        return f"{meant}/{name}" if meant else ""
    names = [key.partition("/")[2] for key in KNOWN if key.partition("/")[0] == prefix]
    meant = "" if name in names else near(name, names, 0.75)
    return f"{prefix}/{meant}" if meant else ""


LabelKey = Annotated[str, AfterValidator(_key), pattern(r"(?s).+", "a label's key", "such as example.org/gpu")]
LabelValue = Annotated[str, pattern(
    r"(?=.{0,63}$)(([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9])?", "a label's value",
    "letters and digits, with - _ . inside: at most 63 characters"), *Text.__metadata__]


def _effect(value: object) -> object:
    if value not in EFFECTS:
        raise refuse(f"{value!r} is not an effect", did_you_mean(str(value), EFFECTS))
    return value


class Taint(Part):
    """What keeps pods off a node, unless they tolerate it: Kubernetes' own keys."""

    key: LabelKey = Field(examples=["nvidia.com/gpu"])
    value: LabelValue = ""
    effect: Annotated[Effect, BeforeValidator(_effect)] = Field(examples=["NoSchedule"])

    @property
    def text(self) -> str:
        """As kubectl writes it: "nvidia.com/gpu=present:NoSchedule"."""
        return f"{self.key}{'=' if self.value else ''}{self.value}:{self.effect}"
