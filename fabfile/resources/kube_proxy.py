"""kube-proxy's settings: the ConfigMap, and the pods that were started with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from fabfile.upstream.paths import ADMIN_CONF

from . import settings
from .api_question import ADMIN, objects, question
from .base import Change, Command, Resource
from .cluster_settings import MAPS, patch, unread
from .file import difference
from .fixed_keys import Refused, fixed_key, rejected
from .settings import Difference

_PODS = "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app=kube-proxy&fieldSelector=spec.nodeName="
_OWN_PORT = 10249
_OWN_MODE = f"http://127.0.0.1:{_OWN_PORT}/proxyMode"
MODES = ("iptables", "nftables", "ipvs")
STARTED_WITH = "coop/started-with"  # annotation of the pods: sha256 of the settings that they were started with
_IPTABLES = ("iptables", "")  # "" is kube-proxy's own choice: iptables


@dataclass(frozen=True)
class KubeProxySettings(Resource):
    """The ConfigMap kube-proxy says what the rack says, and the kube-proxy of `node` was started with it; asked and
    changed on one control plane, for all nodes.

    Kubernetes starts the pods again one node after another. When the mode changes between iptables and nftables, each
    takes away the rules of the previous one as it starts; from and to ipvs it does not, so that is rejected.
    """

    wanted: Mapping[str, Any]
    node: str  # where it is asked
    address: str  # ADDRESS:PORT of the API server
    fixed: Refused = field(compare=False)  # where a key stands is no setting
    exact: bool = True

    @property
    def name(self) -> str:
        return "settings of kube-proxy"

    def probe(self) -> str:
        # what this machine's own kube-proxy says of itself: a hand may have started it with something else
        return question(f"{MAPS}/kube-proxy", _PODS + self.node, beside=_OWN_MODE)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if f"file:{ADMIN_CONF}" in altered:
            return
        asked = [line for line in facts.splitlines() if line.strip() and f" {_OWN_PORT} " not in line]
        mode = asked.pop() if asked and asked[-1] in MODES else ""
        if not asked:
            return
        try:
            found = objects("\n".join(asked))
            config = found["ConfigMap/kube-proxy"]["data"]["config.conf"]
            pods = found["PodList/"]["items"]
        except (ValueError, KeyError) as error:
            yield unread("kube-proxy's settings", error, self.address)
            return
        is_ = settings.read(config)
        differ = settings.differences(self.wanted, is_, exact=self.exact)
        refused = [rejected(one, place) for one in differ if (place := self._refused(one))]
        if refused:
            yield from refused
        elif differ:
            now = settings.written(settings.applied(is_, differ))
            yield Change(f"ConfigMap kube-proxy: {settings.listed(differ)}", (
                self._rollout(now, f"{patch('kube-proxy', {'config.conf': now})}\n"),),
                diff=difference("kube-proxy/config.conf", settings.written(is_), now.encode()),
                interrupts=self._words(differ))
        else:
            started = {(pod["metadata"].get("annotations") or {}).get(STARTED_WITH) for pod in pods}
            runs = is_.get("mode") or "iptables"
            if started - {None, _checksum(config)}:
                yield self._restart("kube-proxy was started with other settings than its ConfigMap has", config)
            elif mode and mode != runs:
                yield self._restart(f"kube-proxy runs in mode {mode}, its ConfigMap says {runs}", config)

    def _refused(self, one: Difference) -> tuple[str, str, str] | None:
        if one.path == ("mode",) and "ipvs" not in (one.found, one.expected):
            return None
        return fixed_key(one, self.fixed)

    def _restart(self, what: str, config: str) -> Change:
        return Change(what, (self._rollout(config),), interrupts=self._words(()))

    def _rollout(self, config: str, before: str = "") -> Command:
        """New pods on one node after another, as `kubectl rollout restart` makes them. The time alone is always another:
        pods that somebody started with an edit of the ConfigMap bear the checksum of the settings before it."""
        body = ("{\"spec\":{\"template\":{\"metadata\":{\"annotations\":"
                f"{{\"{STARTED_WITH}\":\"{_checksum(config)}\",\"kubectl.kubernetes.io/restartedAt\":"
                "\"'$(date -u +%FT%T.%NZ)'\"}}}}}")
        return Command(
            before + f"{ADMIN} -n kube-system patch daemonset kube-proxy --type=merge -p '{body}'\n"
            f"{ADMIN} -n kube-system rollout status daemonset/kube-proxy --timeout=570s",
            long=True, limit=600.0, shown="kubectl -n kube-system rollout restart daemonset kube-proxy")

    def _words(self, differ: tuple[Difference, ...]) -> str:
        words = "kube-proxy restarts on one node after another; open connections continue"
        if any(one.path == ("mode",) and {one.found or "", one.expected or ""} - set(_IPTABLES) for one in differ):
            words = ("kube-proxy restarts on one node after another and rewrites the rules of all services: there, "
                     "connections to services fail for some seconds")
        return words


def _checksum(config: str) -> str:
    return sha256(config.encode()).hexdigest()[:32]
