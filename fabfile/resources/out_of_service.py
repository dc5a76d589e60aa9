"""A node whose machine is proved off: Kubernetes takes its pods and volumes away at once, and starts them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .api_question import ADMIN
from .base import Change, Command, Resource

TAINT = "node.kubernetes.io/out-of-service"
_SEEN = (f"-o 'jsonpath=node {{.status.conditions[?(@.type==\"Ready\")].status}}"
         f"{{range .spec.taints[?(@.key==\"{TAINT}\")]}} {{.key}}{{end}}'")


@dataclass(frozen=True)
class OutOfService(Resource):
    """The node has the taint by which its pods are deleted without their kubelet, and their volumes detached. Only for a machine
    that is off: one that still runs would write to the same files as the pods that take their place. Probed and changed on a
    control plane. `typed`: what is typed to say that it is off, where nothing else proves it."""

    node: str
    interrupts: str
    typed: str = ""

    @property
    def name(self) -> str:
        return f"node {self.node} out of service"

    def probe(self) -> str:
        return f"{ADMIN} --request-timeout=20s get node {quote(self.node)} --ignore-not-found {_SEEN} || echo unknown"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.startswith("node ") and TAINT not in facts:
            yield Change(f"{self.node} should be out of service", (Command(
                f"{ADMIN} taint node {quote(self.node)} {TAINT}=nodeshutdown:NoExecute --overwrite"),),
                interrupts=self.interrupts, typed=self.typed)


@dataclass(frozen=True)
class InService(Resource):
    """The node has no such taint: its machine runs again, and is Ready."""

    node: str

    @property
    def name(self) -> str:
        return f"node {self.node} in service"

    def probe(self) -> str:
        return f"{ADMIN} --request-timeout=20s get node {quote(self.node)} --ignore-not-found {_SEEN} || echo unknown"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if TAINT in facts or "unknown" in facts:
            ready = "'jsonpath={.status.conditions[?(@.type==\"Ready\")].status}'"
            yield Change(f"{self.node} should be in service again", (Command(
                f"[ \"$({ADMIN} get node {quote(self.node)} -o {ready})\" = True ] ||"
                f" {{ echo 'it is not Ready' >&2; exit 1; }}\n"
                f"{ADMIN} taint node {quote(self.node)} {TAINT}- || :"),))
