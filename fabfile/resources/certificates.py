"""The certificates of a control plane by kubeadm: the names in the API server's certificate, and the validity of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote
from typing import ClassVar

from fabfile.programs import shell
from fabfile.upstream.paths import PKI

from . import settings, writing
from .base import Change, Command, Resource

_CONFIG = "/run/coop/kubeadm-settings.yaml"
_BACKDATED = 300.0  # seconds: kubeadm lets a certificate begin before the moment when it is made
_MOST = 120.0  # seconds that a validity may differ: what kubeadm rounds


def _with_config(config: str) -> str:
    return "\n".join([
        f"umask 077; mkdir -p /run/coop; trap 'rm -f {_CONFIG}' EXIT",
        f"{writing.text_of(config.encode())} >{_CONFIG}",
        f"kubeadm config validate --config {_CONFIG}",
    ])


@dataclass(frozen=True)
class ApiCertificate(Resource):
    """The API server's certificate is good for these names and addresses. A new one is read by the API server by
    itself, without a restart."""

    names: tuple[str, ...]
    config: str
    address: str  # ADDRESS:PORT where this API server answers
    exact: bool = True
    pki: str = PKI

    @property
    def name(self) -> str:
        return "certificate of the API server"

    def probe(self) -> str:
        here = quote(f"{self.pki}/apiserver.crt")
        return (f"[ ! -r {here} ] || ! command -v openssl >/dev/null ||\n"
                f"openssl x509 -in {here} -noout -ext subjectAltName || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = set(re.findall(r"(?:DNS|IP Address):([^,\s]+)", facts))
        if not found or "file:/etc/kubernetes/kubelet.conf" in altered:
            return
        missing = [name for name in self.names if name not in found]
        surplus = sorted(found - set(self.names)) if self.exact else []
        if not missing and not surplus:
            return
        what = " and ".join([f"is not valid for {', '.join(missing)}"] * bool(missing)
                            + [f"is valid for {', '.join(surplus)}, which is not configured"] * bool(surplus))
        yield Change(f"the API server's certificate {what}", (Command(
            self._script(), long=True, limit=240.0, shown="kubeadm init phase certs apiserver"),))

    def _script(self) -> str:
        """The previous pair comes back when kubeadm cannot make a new one: without it no API server starts."""
        pair, here = (f"{self.pki}/apiserver.crt", f"{self.pki}/apiserver.key"), quote(self.pki)
        host = quote(self.address)
        return "\n".join([
            _with_config(self.config),
            f"[ -r {here}/ca.key ] || {{ echo 'the key of the certificate authority is not on this machine' >&2; exit 1; }}",
            *map(writing.keep, pair),
            f"rm -f {' '.join(map(quote, pair))}",
            f"kubeadm init phase certs apiserver --config {_CONFIG} || {{",
            *map(writing.put_back, pair),
            "exit 1; }",
            f"made=$(openssl x509 -in {quote(pair[0])} -noout -serial)",
            f"served() {{ openssl s_client -connect {host} </dev/null 2>/dev/null | openssl x509 -noout -serial; }}",
            "for try in $(seq 90); do [ \"$(served)\" != \"$made\" ] || exit 0; sleep 1; done",
            "echo 'the API server goes on with the previous certificate: restart its pod' >&2; exit 1",
        ])


@dataclass(frozen=True)
class CertificateValidity(Resource):
    """kubeadm's certificates of this control plane live for `period` ("8760h0m0s"), counted from when they were made.

    `kubeadm certs renew` makes all of them again by the ClusterConfiguration's certificateValidityPeriod,
    and every component has to be restarted to read them. Certificate authorities stay.
    """

    period: str
    node: str
    config: str
    address: str  # ADDRESS:PORT where this API server answers
    healthy: str  # shell text, true when every component says that it is well
    pki: str = PKI
    MARK: ClassVar[str] = "/var/lib/coop/certificates.begun"

    @property
    def name(self) -> str:
        return "validity of the certificates"

    def probe(self) -> str:
        client = quote(f"{self.pki}/apiserver-kubelet-client.crt")
        return (f"[ ! -e {self.MARK} ] || echo begun\n"
                f"[ ! -r {client} ] || ! command -v openssl >/dev/null ||\n"
                f"openssl x509 -in {client} -noout -dates || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        dates = dict(re.findall(r"^(notBefore|notAfter)=(.*)$", facts, re.MULTILINE))
        if len(dates) < 2 or "file:/etc/kubernetes/kubelet.conf" in altered:
            return
        lasts = (moment(dates["notAfter"]) - moment(dates["notBefore"])).total_seconds() - _BACKDATED
        wanted = settings.seconds(self.period) or 0.0
        if facts.startswith("begun"):
            what = f"the renewal of the certificates of {self.node} did not finish"
        elif abs(lasts - wanted) > _MOST:
            what = f"the certificates of {self.node} were made for {_hours(lasts)}, should be for {_hours(wanted)}"
        else:
            return
        yield self._renewal(what)

    def _renewal(self, what: str) -> Change:
        return Change(what, (Command(self._script(), long=True, limit=600.0, shown="kubeadm certs renew all"),),
                      interrupts=f"the API server, controller manager, scheduler and etcd of {self.node} restart")

    def _script(self) -> str:
        return "\n".join([_with_config(self.config), f"healthy() {{ {self.healthy}; }}",
                          shell("own_address", "renew", mark=self.MARK, config=_CONFIG)])


def moment(text: str) -> datetime:
    """ "Nov 28 15:39:12 2027 GMT"."""
    return datetime.strptime(text.strip(), "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h"
