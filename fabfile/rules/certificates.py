"""Certificates: those in the files of machines, and those that are really served."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.facts.look import Look
from fabfile.facts.machine import CertificateState, MachineState
from fabfile.finding import Finding, Severity, since
from fabfile.rack import Rack
from fabfile.rules.rule import Found, apply, rule
from fabfile.upstream.documents import certificates_folder

LASTING = 30  # days that a certificate should still be good for
_ROTATED = "/var/lib/kubelet/pki/"  # kubelet renews these by itself
RENEW = "inv cluster.certs --renew"
OPERATORS = "inv cluster.bootstrap --only operators"  # the kubeconfigs on rooster
_STOPPED = ("api_server_down", "etcd_down", "component_down", "kubelet_not_running", "node_not_ready", "kubelet_silent")
_ALL_STOPPED = (
    "api_down", "api_server_down", "node_not_ready", "kubelet_silent", "kubectl_refused", "hub_api_silent", "hub_cluster_silent",
    "api_unreachable", "hub_pod_not_ready", "workload_short", "pod_not_ready", "service_without_endpoints", "etcd_member_down")


def served_files(rack: Rack) -> dict[str, str]:
    """Port of a control plane → the file of the certificate that should be served there."""
    pki = certificates_folder(rack)
    return {"6443": f"{pki}/apiserver.crt", "2379": f"{pki}/etcd/server.crt", "2380": f"{pki}/etcd/peer.crt",
            "10250": f"{_ROTATED}kubelet.crt"}


def days_left(end: float, now: float) -> int:
    return int((end - now) // 86400)


@rule(here=(*_STOPPED, "certificate_ends", "served_certificate_differs"), everywhere=_ALL_STOPPED)
def certificate_expired(look: Look) -> Found:
    """A control plane's certificate has expired, in a file or as it is served."""
    for name, state in look.control_planes.items():
        gone = [one for one in _kubeadms(state) if one.end <= state.now]
        served = [one for one in state.served.values() if one.end <= state.now and one.where != "10250"]
        if gone or served:
            first = min((*gone, *served), key=lambda one: one.end)
            shown = [*(one.where.removeprefix("/etc/kubernetes/") for one in gone), *(f"served at port {one.where}" for one in served)]
            yield Finding(f"certificates of {name} have expired", name, Severity.DOWN, ", ".join(shown), since(first.end), RENEW)


@rule(here=("kubelet_not_running", "node_not_ready", "kubelet_silent"))
def kubelet_certificate_expired(look: Look) -> Found:
    """A kubelet's client certificate has expired: the API server does not know it any more."""
    for name, state in look.members.items():
        for one in state.certificates:
            if one.where.endswith("kubelet-client-current.pem") and one.end <= state.now:
                yield Finding(f"the certificate of the kubelet on {name} has expired", name, Severity.DOWN, one.where, since(one.end),
                              RENEW)


@rule()
def certificate_ends(look: Look) -> Found:
    """A certificate of a control plane expires within 30 days."""
    for name, state in look.control_planes.items():
        soon = [one for one in _kubeadms(state) if 0 < one.end - state.now <= LASTING * 86400]
        if soon:
            yield ending(min(soon, key=lambda one: one.end).where.rpartition("/")[2],
                         days_left(min(one.end for one in soon), state.now), name)
    if look.api and look.api.certificates is not None and not look.machines:
        label, days = min(look.api.certificates.items(), key=lambda item: item[1], default=("", LASTING + 1))
        if days <= LASTING:
            yield ending(label, days, "control planes")


def ending(certificate: str, days: int, where: str) -> Finding:
    """That one ends soon."""
    return Finding(f"the certificate {certificate} expires in {days} days", where, fix=RENEW)


@rule()
def certificates_unknown(look: Look) -> Found:
    """A control plane's certificates could not be read."""
    if look.api and look.api.certificates == {} and not look.machines:
        yield Finding("the expiry of the certificates could not be read", "control planes", fix="inv cluster.certs")
    for name, state in look.control_planes.items():
        if not _kubeadms(state):
            yield Finding(f"the certificates of {name} could not be read", name, fix="inv cluster.certs")


@rule()
def kubelet_certificate_ends(look: Look) -> Found:
    """A kubelet's client certificate expires within 30 days: it should have been renewed by itself at 70 to 90 percent."""
    for name, state in look.members.items():
        for one in state.certificates:
            if one.where.endswith("kubelet-client-current.pem") and 0 < one.end - state.now <= LASTING * 86400:
                yield Finding(f"the kubelet on {name} has not renewed its certificate: it expires in {days_left(one.end, state.now)} days",
                              name, fix=f"fab -H {name} -- sudo systemctl restart kubelet; then {RENEW}")


@rule()
def served_certificate_differs(look: Look) -> Found:
    """A component still serves another certificate than its file has: it was not restarted after a renewal."""
    for name, state in look.control_planes.items():
        files = {one.where: one for one in state.certificates}
        for port, path in served_files(look.rack).items():
            served, file = state.served.get(port), files.get(path)
            if served and file and served.serial != file.serial and served.end > state.now:
                yield Finding(f"port {port} of {name} does not serve the certificate in {path.rpartition('/')[2]}", name,
                              Severity.DEGRADED, f"served until {since(served.end)[:10]}, on file until {since(file.end)[:10]}", fix=RENEW)


@rule()
def authority_ends(look: Look) -> Found:
    """A certificate authority of the cluster expires within a year: to replace it takes planning."""
    for name, state in look.control_planes.items():
        for one in state.certificates:
            if one.where.endswith("ca.crt") and one.end - state.now <= 365 * 86400:
                yield Finding(f"the certificate authority {one.where} expires in {days_left(one.end, state.now)} days", name,
                              Severity.DEGRADED, fix="kubernetes.io: manual rotation of CA certificates; no renewal makes a new authority")


@rule()
def operators_certificate_ends(look: Look) -> Found:
    """The certificate of an operator's kubeconfig on rooster expires within 30 days."""
    if rooster := look.rooster:
        soon = [one for one in rooster.certificates if 0 < one.end - rooster.now <= LASTING * 86400]
        if soon:
            first = min(soon, key=lambda one: one.end)
            yield Finding(f"the certificate in {first.where} on {rooster.name} expires in {days_left(first.end, rooster.now)} days",
                          rooster.name, fix=OPERATORS)


@rule(everywhere=("hub_cluster_silent",))
def kubectl_refused(look: Look) -> Found:
    """The operator's kubeconfig on rooster is missing, has expired, or the API server refuses it."""
    rooster = look.rooster
    if rooster is None:
        return
    if path := rooster.text("no-kubeconfig"):
        yield Finding(f"{path} on {rooster.name} is missing", rooster.name, Severity.DEGRADED, fix=OPERATORS)
        return
    said = rooster.text("kubectl")
    for one in rooster.certificates:
        if one.end <= rooster.now:
            yield Finding(f"the certificate in {one.where} on {rooster.name} has expired", rooster.name, Severity.DEGRADED,
                          said, since(one.end), OPERATORS)
            return
    if any(word in said for word in ("Unauthorized", "x509", "Forbidden", "error loading config")):
        yield Finding(f"the cluster refuses the kubeconfig of {rooster.name}", rooster.name, Severity.DEGRADED, said, fix=OPERATORS)


@rule(here=("node_not_ready", "kubelet_silent", "kubelet_not_running"))
def authority_differs(look: Look) -> Found:
    """A member trusts another certificate authority than the control planes have."""
    authorities = {state.text("ca-file") for state in look.control_planes.values() if state.text("ca-file")}
    if len(authorities) != 1:
        return
    for name, state in look.members.items():
        if state.text("ca") and state.text("ca") not in authorities:
            yield Finding(f"{name} belongs to another cluster: its kubelet trusts another authority", name, Severity.DEGRADED,
                          fix=f"fab -H {name} -- sudo kubeadm reset -f; then {apply(name)}")


@rule()
def told_authority_differs(look: Look) -> Found:
    """The ConfigMap cluster-info tells new members of another certificate authority: none can join."""
    for name, state in look.control_planes.items():
        if look.api and look.api.ca and state.text("ca-file") and look.api.ca != state.text("ca-file"):
            yield Finding("new members are told of another certificate authority", "kube-public/cluster-info", Severity.DEGRADED,
                          f"the authority of {name} is {state.text('ca-file')[:16]}…, that of cluster-info {look.api.ca[:16]}…",
                          fix=f"fab -H {name} -- sudo kubeadm init phase bootstrap-token --skip-token-print")
            return


def _kubeadms(state: MachineState) -> list[CertificateState]:
    """Those that kubeadm renews."""
    return [*_of_kubeadm(state.certificates)]


def _of_kubeadm(found: tuple[CertificateState, ...]) -> Iterator[CertificateState]:
    for one in found:
        if not one.where.startswith(_ROTATED) and not one.where.endswith("ca.crt"):
            yield one
