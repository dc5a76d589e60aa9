"""The cluster's Kubernetes version: programs of another version are not installed on its machines."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from fabfile.rack.versions import numbers

from .base import Change, Resource, rejection

_KUBELET = "/etc/kubernetes/kubelet.conf"  # a member has it, and it says where the API is


@dataclass(frozen=True)
class ClusterVersion(Resource):
    """The cluster that this machine is in, or is to join, runs `version` ("v1.36.4"), and so does the machine, if it is a
    member. Rejects another version: only cluster.upgrade upgrades, in an order of its own. Where the cluster does not
    answer, a member's own kubelet says whether it would be upgraded; a newer one, which apt brought, goes back."""

    version: str
    server: str  # ADDRESS:PORT of its API, for who is no member yet

    @property
    def name(self) -> str:
        return f"a cluster of {self.version}"

    def probe(self) -> str:
        # /version is told to everybody (the role system:public-info-viewer)
        return (f"api=$(sed -n 's/^ *server: *//p' {_KUBELET} 2>/dev/null) || :\n"
                f"curl -fsSk --max-time 3 \"${{api:-https://{self.server}}}/version\" 2>/dev/null | "
                "sed -n 's/.*\"gitVersion\": *\"\\([^\"]*\\)\".*/\\1/p'\n"
                f"[ ! -e {_KUBELET} ] || dpkg-query -W -f 'kubelet ${{Version}}\\n' kubelet 2>/dev/null || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = facts.split("\n")
        cluster = next((line.strip() for line in lines if line.startswith("v")), "")
        kubelet = next((line.split()[1].partition("-")[0] for line in lines if line.startswith("kubelet ")), "")
        wanted = self.version.removeprefix("v")
        if cluster and cluster != self.version:
            yield rejection(f"the cluster runs {cluster}, and configs/versions.yaml says {self.version}: only "
                            "`inv cluster.upgrade` upgrades it; a cluster is never downgraded")
        elif kubelet and numbers(kubelet) < numbers(wanted):
            whole = f"the cluster runs {cluster}" if cluster else f"configs/versions.yaml says {self.version}, and the cluster " \
                "does not answer"
            yield rejection(f"kubelet here is v{kubelet}, {whole}: only `inv cluster.upgrade` upgrades members")
