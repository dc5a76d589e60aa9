"""A machine's host name."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import parts
from .base import Change, Command, Resource, conflict
from .file import File


@dataclass(frozen=True)
class Hostname(Resource):
    """The name, kept in /etc/hostname and live. A machine that is a node of a cluster by another one keeps that: its kubelet's
    certificate is for that name, and the API server takes no other from it."""

    hostname: str

    @property
    def name(self) -> str:
        return f"hostname {self.hostname}"

    def file(self) -> File:
        """What sets it at the next boot."""
        return File("/etc/hostname", f"{self.hostname}\n")

    def probe(self) -> str:
        node = f"""
read -r v </proc/sys/kernel/hostname; c=/var/lib/kubelet/pki/kubelet-client-current.pem
[ "$v" = {quote(self.hostname)} ] || [ ! -e $c ] || ! command -v openssl >/dev/null ||
  openssl x509 -in $c -noout -subject -nameopt multiline 2>/dev/null | sed -n 's/^ *commonName *= system:node://p'
""".strip()
        return parts.probe("read -r v </proc/sys/kernel/hostname; echo \"$v\"", self.file().probe(), node)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept, node = parts.facts(facts, 3)
        if (node := node.strip()) and node != self.hostname:
            yield conflict(f"node {node}", f"this machine is the node {node} of a cluster, and as {self.hostname} its kubelet would be "
                           f"taken for another one's: call it {node} in hosts.yaml, or leave that cluster first (kubeadm reset)",
                           keepable=False)
        yield from self.file().changes(kept, altered)
        if live.strip() != self.hostname:
            yield Change(f"the hostname is {live.strip()}, should be {self.hostname}",
                         (Command(f"hostname -- {quote(self.hostname)}"),))
