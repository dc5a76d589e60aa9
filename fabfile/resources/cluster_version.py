"""The cluster's Kubernetes version: programs of another version are not installed on its machines."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from .base import Change, Resource, refusal

_KUBELET = "/etc/kubernetes/kubelet.conf"  # a member has it, and it says where the API is


@dataclass(frozen=True)
class ClusterVersion(Resource):
    """The cluster that this machine is in, or is to join, runs `version` ("v1.36.4"). Refuses where it runs
    another: kubeadm upgrades a cluster, in an order of its own. A cluster that does not answer, or is not there yet,
    keeps nothing from being done."""

    version: str
    server: str  # ADDRESS:PORT of its API, for who is no member yet

    @property
    def name(self) -> str:
        return f"a cluster of {self.version}"

    def probe(self) -> str:
        # /version is told to everybody (the role system:public-info-viewer)
        return (f"api=$(sed -n 's/^ *server: *//p' {_KUBELET} 2>/dev/null) || :\n"
                f"curl -fsSk --max-time 3 \"${{api:-https://{self.server}}}/version\" 2>/dev/null | "
                "sed -n 's/.*\"gitVersion\": *\"\\([^\"]*\\)\".*/\\1/p'")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        runs = facts.strip()
        if runs and runs != self.version:
            told = (f"the cluster runs {runs}, and configs/versions.yaml says {self.version}: upgrade it with "
                    "kubeadm, or put the previous version back")
            yield refusal(told, shown="refuse: another version")
