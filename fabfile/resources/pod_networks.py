"""Other pod networks than the rack's: one that a cluster has already, and files of one on a node."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource, conflict
from .others import moved_away

OWN = "/etc/cni/net.d/10-calico.conflist"

# names of the DaemonSets and Deployments by which pod networks run; calico-node's own namespace here is kube-system
_NETWORKS = ("kube-flannel", "flannel", "cilium", "weave-net", "kube-router", "canal", "antrea-agent", "kube-ovn", "ovs-ovn",
             "ovnkube", "romana", "contiv", "aws-node", "tigera-operator", "calico-node", "kindnet", "rke2-canal", "rke2-cilium",
             "rke2-flannel")


@dataclass(frozen=True)
class NoOtherCni(Resource):
    """No CNI file but Calico's that containerd would use: it takes the first by name, so one that comes after Calico's is left
    where it is, once that is there."""

    @property
    def name(self) -> str:
        return "no other CNI file"

    def probe(self) -> str:
        return ("for f in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do\n"
                "  [ ! -f \"$f\" ] || echo \"$f\"\ndone")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        files = [line for line in facts.split("\n") if line.startswith("/etc/cni/net.d/")]
        for path in files:
            if path != OWN and (path < OWN or OWN not in files):
                why = "comes before Calico's" if OWN in files else "gives pods their network as long as Calico's is not there"
                yield conflict(path, f"{path} {why}: another pod network's", moved_away(path))


@dataclass(frozen=True)
class NoOtherPodNetwork(Resource):
    """The cluster has no other pod network: two give addresses from one range, and traffic breaks at random."""

    kubeconfig: str

    @property
    def name(self) -> str:
        return "no other pod network"

    def probe(self) -> str:
        columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name"
        return (f"[ ! -r {quote(self.kubeconfig)} ] || ! command -v kubectl >/dev/null || "
                f"kubectl --kubeconfig {quote(self.kubeconfig)} --request-timeout=20s get daemonsets,deployments -A --no-headers "
                f"-o {columns} 2>/dev/null || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for words in map(str.split, facts.split("\n")):
            if len(words) != 3 or (words[1], words[2]) == ("kube-system", "calico-node"):
                continue
            kind, namespace, name = words
            if any(name == network or name.startswith(f"{network}-") for network in _NETWORKS):
                called = f"{kind.lower()} {namespace}/{name}"
                yield conflict(called, f"{called} gives this cluster's pods their network already, and Calico beside it would give them "
                               "addresses twice: to change over, delete it and its files in /etc/cni/net.d, and restart every pod")
