"""The names that pods in the machine's own network know: kubelet copies /etc/hosts for them once."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from fabfile.programs import shell

from .base import Change, Command, Resource


@dataclass(frozen=True)
class PodHosts(Resource):
    """Pods in the machine's own network (kube-proxy, calico-node, MetalLB's speaker) have its /etc/hosts.

    kubelet writes their copies when a container starts, and never again: without this they would look for the API where it was
    then. The copies are written as kubelet writes them, in place: nothing restarts.
    """

    @property
    def name(self) -> str:
        return "names that pods know"

    def probe(self) -> str:
        return shell("pod_hosts", write="")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = facts.splitlines()
        count = len(lines) if "file:/etc/hosts" in altered else lines.count("former")
        if count:
            yield Change(f"{count} pod{'s' * (count > 1)} in the machine's own network "
                         f"{'know' if count > 1 else 'knows'} a former /etc/hosts",
                         (Command(shell("pod_hosts", write="yes"), shown="write their copies of /etc/hosts"),))
