"""The claim in a hub's namespace that its users' homes are folders of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.upstream.paths import ADMIN_CONF

from .base import Change, Command, Resource, refusal


@dataclass(frozen=True)
class HomesClaim(Resource):
    """The claim, on this volume. It is made once: the API server lets the size of a claim without a class neither grow nor shrink, and
    the size limits nothing, as each home has its quota on the file server."""

    namespace: str
    claim: str
    volume: str
    size: str  # of a new one
    kubeconfig: str = ADMIN_CONF

    @property
    def name(self) -> str:
        return f"claim {self.namespace}/{self.claim}"

    @property
    def _kubectl(self) -> str:
        return f"kubectl --kubeconfig {quote(self.kubeconfig)} --request-timeout=20s"

    @property
    def _get(self) -> str:
        return f"-n {quote(self.namespace)} get persistentvolumeclaim {quote(self.claim)}"

    def probe(self) -> str:
        return (f"[ ! -r {quote(self.kubeconfig)} ] || ! command -v kubectl >/dev/null ||\n"
                f"  {self._kubectl} {self._get} -o 'jsonpath=volume {{.spec.volumeName}}' 2>/dev/null || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        head, _, volume = facts.strip().partition(" ")
        if head != "volume":
            document = {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": self.claim, "namespace": self.namespace},
                "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": self.volume,
                         "resources": {"requests": {"storage": self.size}}}}
            yield Change(f"the claim {self.claim} is not in {self.namespace} yet", (Command(
                f"{self._kubectl} {self._get} >/dev/null 2>&1 ||\n"
                f"  printf '%s\\n' {quote(json.dumps(document))} | {self._kubectl} create -f -",
                shown=f"kubectl create: claim {self.namespace}/{self.claim} of volume {self.volume}"),))
        elif volume != self.volume:
            yield refusal(f"the claim {self.claim} in {self.namespace} is on volume {volume or '(none)'}, not on {self.volume}: users' "
                          "homes would not be those of the file server. Copy what is in it, then kubectl "
                          f"-n {self.namespace} delete persistentvolumeclaim {self.claim}", shown="refuse: a claim of another volume")
