"""Releases of Helm that Coop has made and that no file describes any more."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from fabfile.programs import shell

from .base import Change, Command, Resource

_NAMED = 8  # pods and objects that are reported by name; of more, how many


@dataclass(frozen=True)
class PrunedReleases(Resource):
    """No release of Coop's but these ("NAMESPACE/NAME").

    Its claims stay, whatever the chart says. A driver of volumes stays as long as a volume needs it.
    """

    releases: tuple[str, ...]
    kubeconfig: str

    @property
    def name(self) -> str:
        return "releases no longer in the files"

    def probe(self) -> str:
        return shell("pruned_releases", kubeconfig=self.kubeconfig, current="\n".join(self.releases))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = [line.split() for line in facts.splitlines() if line.strip()]
        drivers = {words[1] for words in lines if words[0] == "driver" and len(words) == 2}
        left = dict.fromkeys((words[1], words[2]) for words in lines if words[0] == "release" and len(words) == 5)
        for namespace, release in left:
            holds = [each[3:5] for each in lines if each[:3] == ["holds", namespace, release]]
            if any(kind == "CSIDriver" and name in drivers for kind, name in holds):
                continue
            yield self._removal(namespace, release, holds,
                                [each[2] for each in lines if each[:2] == ["claim", namespace]],
                                [each[2] for each in lines if each[:2] == ["server", namespace]])

    def _removal(self, namespace: str, release: str, holds: list[list[str]], claims: list[str],
                 servers: list[str]) -> Change:
        workloads = [f"{kind} {name}" for kind, name in holds if kind in ("Deployment", "DaemonSet", "StatefulSet")]
        lost = [f"release {release} in {namespace} ends" + (f", with the pods of {_names(workloads)}" if workloads else "")]
        if servers:
            lost.append(f"servers of users lose their hub: {_names(servers)}")
        if claims:
            lost.append(f"claims stay: {_names(claims)}")
        script = shell("uninstall", kubeconfig=self.kubeconfig, namespace=namespace, release=release)
        return Change(f"{release} in {namespace} is released by Coop, and no longer in any file",
                      (Command(script, long=True, limit=700.0, shown=f"helm uninstall {release} -n {namespace}",
                               says=True),),
                      interrupts="; ".join(lost))


def _names(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
