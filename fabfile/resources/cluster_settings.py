"""The cluster's settings in ConfigMaps, from which kubeadm configures every new member."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, ClassVar

from fabfile.upstream.paths import ADMIN_CONF

from . import settings, writing
from .api_question import ADMIN, objects, question, ready
from .base import Change, Command, Resource
from .file import difference
from .fixed_keys import Refused, fixed_key, rejected
from .settings import Difference

MAPS = "/api/v1/namespaces/kube-system/configmaps"
# ClusterConfiguration's keys that can be changed on a cluster that runs: static pods and certificates follow
_LIVE = frozenset({"apiServer", "controllerManager", "scheduler", "certificateValidityPeriod", "encryptionAlgorithm"})
_OF_UPGRADES = frozenset({("kubernetesVersion",), ("apiVersion",), ("kind",)})
_LIVE_ETCD = frozenset({"extraArgs", "extraEnvs"})


@dataclass(frozen=True)
class ClusterSettings(Resource):
    """The ConfigMaps kubeadm-config and kubelet-config say what the rack says; asked and changed on one control plane.

    `cluster` and `kubelet` are the documents as kubeadm writes them, with its own defaults. `exact`: what else is
    set there is a difference too. What is decided when a cluster is made (`fixed_…`) is rejected before anything is
    touched. `config` is what `kubeadm --config` reads on this machine: kept beside, for whoever calls kubeadm there.
    """

    cluster: Mapping[str, Any]
    kubelet: Mapping[str, Any]
    config: str
    address: str  # ADDRESS:PORT of the API server
    fixed_cluster: Refused = field(compare=False)  # where a key stands is no setting
    fixed_kubelet: Refused = field(compare=False)
    exact: bool = True
    unsaid_cluster: frozenset[str] = frozenset()
    unsaid_kubelet: frozenset[str] = frozenset()
    path: ClassVar[str] = "/etc/kubernetes/kubeadm-init.yaml"

    @property
    def name(self) -> str:
        return "settings of the cluster"

    def probe(self) -> str:
        return question(f"{MAPS}/kubeadm-config", f"{MAPS}/kubelet-config")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if not facts.strip() or f"file:{ADMIN_CONF}" in altered:
            return  # there is no cluster yet, or it is about to be made with these very settings
        try:
            found = objects(facts)
            cluster = found["ConfigMap/kubeadm-config"]["data"]["ClusterConfiguration"]
            kubelet = found["ConfigMap/kubelet-config"]["data"]["kubelet"]
        except (ValueError, KeyError) as error:
            yield unread("the cluster's settings", error, self.address)
            return
        in_cluster = settings.differences(
            self.cluster, settings.read(cluster), exact=self.exact, unsaid=frozenset(self.unsaid_cluster),
            ignored=_OF_UPGRADES)
        in_kubelet = settings.differences(self.kubelet, settings.read(kubelet), exact=self.exact,
                                          unsaid=frozenset(self.unsaid_kubelet))
        refused = [rejected(one, fixed_key(one, self.fixed_cluster) or self.fixed_cluster[""])
                   for one in in_cluster if not _is_live(one)]
        refused += [rejected(one, place) for one in in_kubelet if (place := fixed_key(one, self.fixed_kubelet))]
        if refused:
            yield from refused
            return
        if in_cluster:
            yield self._change("kubeadm-config", "ClusterConfiguration", cluster, in_cluster)
        if in_kubelet:
            yield self._change("kubelet-config", "kubelet", kubelet, in_kubelet)

    def _change(self, name: str, key: str, former: str, found: tuple[Difference, ...]) -> Change:
        tree = settings.read(former)
        now = settings.written(settings.applied(tree, found))
        return Change(f"ConfigMap {name}: {settings.listed(found)}", (
            Command(writing.put(self.path, writing.text_of(self.config.encode()), mode=0o600,
                                check="kubeadm config validate --config {}"),
                    shown=f"write {self.path} (mode 0600), checked by kubeadm config validate"),
            Command(patch(name, {key: now}), shown=f"kubectl -n kube-system patch configmap {name}"),
        ), diff=difference(f"{name}/{key}", settings.written(tree), now.encode()))


def patch(name: str, data: Mapping[str, str]) -> str:
    """Shell text that sets these keys of a ConfigMap of kube-system."""
    return (f"printf %s {quote(json.dumps({'data': data}))} |\n"
            f"{ADMIN} -n kube-system patch configmap {name} --type=merge --patch-file=/dev/stdin")


def unread(what: str, error: Exception, address: str) -> Change:
    """What could not be asked cannot be compared: the change waits for the API server, and the plan made afterwards
    compares."""
    return Change(f"{what} could not be compared ({error})", (Command(
        f"until said=$({ready(address)} 2>&1); do sleep 1; done", limit=120.0,
        shown="wait for the API server"),))


def _is_live(one: Difference) -> bool:
    return one.path[0] in _LIVE or (one.path[:2] == ("etcd", "local") and one.path[-1] in _LIVE_ETCD)
