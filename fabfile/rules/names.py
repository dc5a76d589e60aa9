"""Names: rooster's DNS, and that of the cluster."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, apply, rule

DNS_SERVICE = "kube-system/kube-dns"


@rule(everywhere=("pod_not_ready", "hub_pod_not_ready", "hub_api_silent"))
def dns_service_missing(look: Look) -> Found:
    """The Service kube-dns is gone: pods resolve no name."""
    if look.api and look.api.of_kind("Service") and DNS_SERVICE not in look.api.services:
        yield Finding("the Service kube-dns is gone: pods resolve no name", DNS_SERVICE, Severity.DOWN, fix="inv cluster.bootstrap")


@rule(everywhere=("pod_not_ready",))
def dns_address_differs(look: Look) -> Found:
    """kube-dns has another address than the one that every pod asks."""
    wanted = str(look.rack.network.service[10])
    found = look.api.services.get(DNS_SERVICE) if look.api else None
    if found and found.cluster_ip != wanted:
        yield Finding(f"kube-dns is at {found.cluster_ip}, and pods ask {wanted}", DNS_SERVICE, Severity.DOWN,
                      fix="kubectl -n kube-system delete service kube-dns; then inv cluster.bootstrap")


@rule(everywhere=("hub_api_silent",))
def dns_without_pods(look: Look) -> Found:
    """No pod of CoreDNS is ready: pods resolve no name."""
    if look.api and DNS_SERVICE in look.api.services and not look.api.ready_endpoints(DNS_SERVICE):
        wanted = look.api.of_kind("Deployment").get("kube-system/coredns", ())
        none = wanted[:1] == ("0",)
        yield Finding("no pod of CoreDNS is ready: pods resolve no name", DNS_SERVICE, Severity.DOWN,
                      "it is scaled to 0" if none else "",
                      fix="kubectl -n kube-system scale deployment coredns --replicas=2" if none or not wanted else
                      "kubectl -n kube-system rollout restart deployment coredns; kubectl -n kube-system logs -l k8s-app=kube-dns")


@rule(everywhere=("dns_without_pods",))
def corefile_broken(look: Look) -> Found:
    """CoreDNS' Corefile lacks the cluster's own names, or the way to all others."""
    if look.api and look.api.corefile:
        lost = [word for word in ("kubernetes", "forward") if word not in look.api.corefile]
        if lost:
            yield Finding(f"CoreDNS' Corefile has no {' and no '.join(lost)}", "kube-system/coredns", Severity.DEGRADED,
                          fix="kubectl -n kube-system delete configmap coredns; then inv cluster.bootstrap")


@rule(everywhere=("resolves_nothing",))
def dnsmasq_not_running(look: Look) -> Found:
    """rooster's dnsmasq is not running: machines resolve no name, and get no address."""
    unit = look.rooster.units.get("dnsmasq") if look.rooster else None
    if look.rooster and unit and not unit.runs:
        yield Finding(f"dnsmasq does not run on {look.rooster.name}: no names, no addresses", look.rooster.name, Severity.DOWN,
                      unit.active, unit.since, "inv gateway.apply")


@rule()
def resolver_differs(look: Look) -> Found:
    """A node asks another resolver than rooster."""
    rooster = str(look.rack.gateway.address())
    for name, state in look.members.items():
        if state.words("nameservers") and state.words("nameservers") != (rooster,):
            yield Finding(f"{name} asks {' and '.join(state.words('nameservers'))} for names, not {rooster}", name, Severity.DEGRADED,
                          fix=apply(name))


@rule()
def resolves_nothing(look: Look) -> Found:
    """A machine does not resolve the rack's own names."""
    for name, state in look.machines.items():
        if "resolves-known" in state.said and not state.text("resolves-known"):
            yield Finding(f"{name} does not resolve the rack's names", name, Severity.DEGRADED,
                          fix="inv gateway.apply" if name == look.rack.gateway.name else apply(name))


@rule()
def resolves_nothing_outside(look: Look) -> Found:
    """rooster does not resolve names of the internet."""
    rooster = look.rooster
    if rooster and "resolves-outside" in rooster.said and not rooster.text("resolves-outside"):
        yield Finding(f"{rooster.name} does not resolve names of the internet", rooster.name, Severity.DEGRADED,
                      f"asked: {', '.join(map(str, look.rack.network.dns))}",
                      fix="ask whoever runs these resolvers, or change `dns` in configs/network.yaml: inv gateway.apply")
