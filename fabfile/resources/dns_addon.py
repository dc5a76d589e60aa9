"""The cluster's DNS as kubeadm makes it: the Service that every pod asks, and CoreDNS' settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass

from . import writing
from .api_question import question
from .base import Change, Command, Resource

_PARTS = {"Service kube-dns": "/api/v1/namespaces/kube-system/services/kube-dns",
          "ConfigMap coredns": "/api/v1/namespaces/kube-system/configmaps/coredns"}


@dataclass(frozen=True)
class DnsAddon(Resource):
    """The Service kube-dns and the ConfigMap coredns exist. What exists stays as it is: kubeadm keeps an edited Corefile."""

    config: str

    @property
    def name(self) -> str:
        return "addon coredns"

    def probe(self) -> str:
        return question(*_PARTS.values())

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if "file:/etc/kubernetes/kubelet.conf" in altered:
            return  # kubeadm init is about to make them
        missing = [name for name, line in zip(_PARTS, facts.strip().splitlines(), strict=False) if _is_missing(line)]
        if missing:
            yield Change(f"{' and '.join(missing)} of kube-system: missing", (Command("\n".join([
                "file=$(mktemp); trap 'rm -f \"$file\"' EXIT",
                f"{writing.text_of(self.config.encode())} >\"$file\"",
                'kubeadm init phase addon coredns --config "$file"']), limit=120.0, shown="kubeadm init phase addon coredns"),))


def _is_missing(line: str) -> bool:
    try:
        told = json.loads(line)
    except ValueError:
        return False  # nobody answered: what is not known is not made
    return bool(told.get("kind") == "Status" and told.get("code") == 404)
