"""Certificates of the cluster made again before, or after, they expire: kubeadm's on a control plane, and a kubelet's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import timedelta
from shlex import quote

from fabfile.programs import shell
from fabfile.upstream.paths import PKI

from . import writing
from .base import Change, Command, RemoteValue, Resource
from .certificates import CertificateValidity, moment

_RECENT = timedelta(days=1)  # what was made since then is of this renewal, also when it was cut short
_CURRENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"


@dataclass(frozen=True)
class CertificatesRenewed(CertificateValidity):
    """kubeadm's certificates of this control plane were made within a day, and are those that are served."""

    @property
    def name(self) -> str:
        return "renewal of the certificates"

    def probe(self) -> str:
        pki = quote(self.pki)
        return "\n".join([
            f"[ ! -e {self.MARK} ] || echo begun",
            f"[ -r {pki}/apiserver.crt ] || exit 0",
            "LC_ALL=C date -u '+now=%b %d %H:%M:%S %Y GMT'",
            f"for file in {pki}/apiserver*.crt {pki}/front-proxy-client.crt {pki}/etcd/server.crt {pki}/etcd/peer.crt; do",
            '  [ ! -r "$file" ] || openssl x509 -in "$file" -noout -dates; done',
            "serial() { openssl x509 -noout -serial 2>/dev/null | cut -d = -f 2; }",
            f"for pair in {self.address}=apiserver 127.0.0.1:2379=etcd/server {self.address.rpartition(':')[0]}:2380=etcd/peer; do",
            '  served=$(timeout 4 openssl s_client -connect "${pair%=*}" </dev/null 2>/dev/null | serial)',
            f'  [ -z "$served" ] || [ "$served" = "$(serial <{pki}/"${{pair#*=}}".crt)" ] || echo "stale ${{pair%=*}}"; done',
        ])

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = [(key, moment(value)) for key, value in re.findall(r"^(now|notBefore|notAfter)=(.*)$", facts, re.MULTILINE)]
        made, ends = [at for key, at in found if key == "notBefore"], [at for key, at in found if key == "notAfter"]
        if not made or not ends or found[0][0] != "now":
            return
        now, stale = found[0][1], re.findall(r"^stale (.*)$", facts, re.MULTILINE)
        if facts.startswith("begun"):
            what = f"the renewal of the certificates of {self.node} did not finish"
        elif min(ends) <= now:
            what = f"certificates of {self.node} expired on {min(ends):%Y-%m-%d}"
        elif now - min(made) > _RECENT:
            what = f"certificates of {self.node} expire on {min(ends):%Y-%m-%d}"
        elif stale:
            what = f"{self.node} serves older certificates than its files at {', '.join(stale)}"
        else:
            return
        yield self._renewal(what)


@dataclass(frozen=True)
class KubeletCertificate(Resource):
    """A kubelet's client certificate has not expired: one that has cannot renew itself. `machine` is the control plane that makes
    a new one with the cluster's authority; empty for a control plane, which makes its own. The API server is not needed."""

    node: str
    config: str
    machine: str = ""
    pki: str = PKI

    @property
    def name(self) -> str:
        return "certificate of the kubelet"

    def probe(self) -> str:
        return (f"if [ ! -e /etc/kubernetes/kubelet.conf ] || ! command -v openssl >/dev/null; then echo none\n"
                f"elif openssl x509 -in {_CURRENT} -noout -checkend 0 >/dev/null 2>&1; then echo good\nelse echo expired; fi")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() != "expired":
            return
        values: tuple[RemoteValue, ...] = ()
        begin = f"kubeconfig=$({self._made()})\n"
        if self.machine:
            begin = ""
            values = (RemoteValue("kubeconfig", self.machine, self._made(), f"a certificate of a year, made on {self.machine}"),)
        yield Change(f"the certificate of the kubelet on {self.node} has expired",
                     (Command(begin + shell("kubelet_certificate"), shown=f"write {_CURRENT}, restart kubelet"),), remote_values=values)

    def _made(self) -> str:
        return "\n".join([
            "file=$(mktemp); trap 'rm -f \"$file\"' EXIT",
            f"{writing.text_of(self.config.encode())} >\"$file\"",
            f'kubeadm kubeconfig user --config "$file" --client-name {quote(f"system:node:{self.node}")} --org system:nodes '
            "--validity-period 8760h 2>/dev/null"])
