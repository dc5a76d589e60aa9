"""The leader: the first control plane, in the order of hosts.yaml, whose API server is ready.

One that has the manifests that were applied comes before one that has not: where the first control plane was recreated,
the cluster is not asked through it, and nothing is applied again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fabfile.rack.cluster import API_PORT
from fabfile.upstream.paths import ADMIN_CONF


def question(address: str, manifests: str) -> str:
    """Shell text for one control plane: "member 200" (its API server is ready), "member 000" (it is not), or "none";
    behind it "manifests" where that folder is."""
    return (f"[ -e {ADMIN_CONF} ] || {{ echo none; exit 0; }}\n"
            f"echo member \"$(curl -sk --max-time 4 -o /dev/null -w '%{{http_code}}' https://{address}:{API_PORT}/readyz)\""
            f" $([ ! -d {manifests} ] || echo manifests)")


MEMBER = "[ ! -e /etc/kubernetes/kubelet.conf ] || echo member"  # asked of a machine that may be in a cluster


def choose(names: Iterable[str], answers: Mapping[str, str]) -> str:
    """Of the control planes, by what each that could be asked said: one that is ready and has the manifests, else one
    that is ready, else one that is a member at all; empty when there is no such."""
    said = {name: answers.get(name, "").split() for name in names}
    leading = (name for name, words in said.items() if words == ["member", "200", "manifests"])
    ready = (name for name, words in said.items() if words[:2] == ["member", "200"])
    members = (name for name, words in said.items() if words[:1] == ["member"])
    return next(leading, "") or next(ready, "") or next(members, "")
