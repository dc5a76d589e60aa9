"""Conflicts in the cluster: a second default storage class, a second load balancer IPAM."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Command, Resource, conflict, refusal


@dataclass(frozen=True)
class SingleDefaultStorageClass(Resource):
    """No other storage class is the default: of two, Kubernetes takes the newer one without a word."""

    storage_class: str
    kubeconfig: str

    @property
    def name(self) -> str:
        return f"{self.storage_class} as the only default class"

    def probe(self) -> str:
        default = ".metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class"
        return _names_with(default, "storageclass", self.kubeconfig)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for name, default in (line.split() for line in facts.splitlines() if len(line.split()) == 2):
            if default == "true" and name != self.storage_class:
                yield Change(
                    f"the storage class {name} is a default beside {self.storage_class}",
                    (Command(f"{_kubectl(self.kubeconfig)} annotate --overwrite storageclass {quote(name)} "
                             "storageclass.kubernetes.io/is-default-class=false"),))


@dataclass(frozen=True)
class NoCalicoLoadBalancerIPAM(Resource):
    """Calico gives no addresses to services: with MetalLB beside it, two would answer for one address."""

    kubeconfig: str

    @property
    def name(self) -> str:
        return "no Calico load balancer IPAM"

    def probe(self) -> str:
        return _names_with(".spec.allowedUses", "ippools.crd.projectcalico.org", self.kubeconfig)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for line in facts.splitlines():
            pool, _, uses = line.partition(" ")
            if "LoadBalancer" in uses:
                told = (f"Calico's pool {pool} gives addresses to services, and MetalLB does too: take "
                        "LoadBalancer out of its allowedUses, or metallb out of configs/versions.yaml")
                yield refusal(told, shown="refuse: two load balancer IPAMs")


@dataclass(frozen=True)
class NoClaimedHomes(Resource):
    """No user of a hub has a claim before homes become folders of one volume: everybody would see an empty home."""

    namespace: str
    claim: str  # that volume's; where it is there, homes are folders already
    canaries: tuple[str, ...]  # users without files of their own
    kubeconfig: str

    @property
    def name(self) -> str:
        return f"no claims of users in {self.namespace}"

    def probe(self) -> str:
        users = quote(r'jsonpath={range .items[*]}claim {.metadata.annotations.hub\.jupyter\.org/username}{"\n"}{end}')
        ask = f"{_kubectl(self.kubeconfig)} -n {quote(self.namespace)} get persistentvolumeclaims"
        return (f"[ ! -r {quote(self.kubeconfig)} ] || ! command -v kubectl >/dev/null || "
                f"{ask} {quote(self.claim)} >/dev/null 2>&1 || "
                f"{ask} -l component=singleuser-storage -o {users} 2>/dev/null || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        claims = [line.removeprefix("claim ") for line in facts.splitlines() if line.startswith("claim ")]
        if users := [user for user in claims if user not in self.canaries]:
            some = ", ".join(users[:3]) + (" …" if len(users) > 3 else "")
            yield conflict(f"claims in {self.namespace}",
                           f"the homes of {some} ({len(users)} in all) are in claims of the namespace {self.namespace}, and with homes in "
                           "configs/storage.yaml they would look empty until the files are copied to the file server")


def _kubectl(kubeconfig: str) -> str:
    return f"kubectl --kubeconfig {quote(kubeconfig)} --request-timeout=20s"


def _names_with(field: str, kind: str, kubeconfig: str) -> str:
    """Shell text that prints the name and one field of each object; nothing where there is no cluster yet."""
    columns = quote(f"custom-columns=N:.metadata.name,V:{field}")
    return (f"[ ! -r {quote(kubeconfig)} ] || ! command -v kubectl >/dev/null || "
            f"{_kubectl(kubeconfig)} get {kind} --no-headers -o {columns} 2>/dev/null || :")
