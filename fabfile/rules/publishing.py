"""Published names: from rooster's public address to the service."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity, since
from fabfile.rules.certificates import days_left
from fabfile.rules.rule import Found, on_shell, rule

_SILENT = ("published_silent",)
_FIX = "inv gateway.publish"


@rule(everywhere=("nginx_not_running", *_SILENT))
def nginx_config_broken(look: Look) -> Found:
    """nginx on rooster refuses its own configuration: the next start fails."""
    if look.rooster and (said := look.rooster.text("nginx-error")):
        yield Finding(f"nginx on {look.rooster.name} refuses its configuration", look.rooster.name, Severity.DEGRADED, said, fix=_FIX)


@rule(everywhere=_SILENT)
def nginx_not_running(look: Look) -> Found:
    """nginx on rooster is not running: no published name answers."""
    unit = look.rooster.units.get("nginx") if look.rooster else None
    if look.rooster and unit and not unit.runs:
        yield Finding(f"nginx does not run on {look.rooster.name}: no published name answers", look.rooster.name, Severity.DOWN,
                      unit.active, unit.since, _FIX)


@rule(everywhere=("published_certificate_expired", "published_certificate_ends"))
def challenge_swallowed(look: Look) -> Found:
    """rooster redirects port 80 itself: the challenge of a certificate authority never reaches the service."""
    if look.rooster and (where := look.rooster.text("redirects")):
        file = where.partition(":")[0]
        own = file == "/etc/nginx/nginx.conf"
        yield Finding(f"{look.rooster.name} redirects port 80 itself: certificates cannot be renewed", look.rooster.name,
                      Severity.DEGRADED, where, fix=_FIX if own else on_shell(look.rooster.name, f"mv {file} /root && nginx -s reload"))


@rule(everywhere=("published_by_nobody",))
def service_without_address(look: Look) -> Found:
    """A Service that asks for an address has none, or another than it asks for."""
    for where, service in (look.api.services if look.api else {}).items():
        if service.kind == "LoadBalancer" and not service.address:
            yield Finding(f"the service {where} has no address", where, Severity.DOWN, f"wanted: {service.wanted or 'any'}",
                          fix="inv cluster.bootstrap --only addresses; kubectl -n metallb-system logs deployment/controller --tail=20")
        elif service.kind == "LoadBalancer" and service.wanted and service.address != service.wanted:
            yield Finding(f"the service {where} has the address {service.address}, and asks for {service.wanted}", where, Severity.DOWN,
                          fix="kubectl -n metallb-system rollout restart deployment controller")


@rule(everywhere=_SILENT)
def service_without_endpoints(look: Look) -> Found:
    """A Service that has an address has no pod that is ready."""
    for where, service in (look.api.services if look.api else {}).items():
        if look.api and service.kind == "LoadBalancer" and service.address and not look.api.ready_endpoints(where):
            yield Finding(f"the service {where} has no pod that is ready", where, Severity.DOWN,
                          fix=f"kubectl -n {service.namespace} get pods")


@rule()
def allocators_conflict(look: Look) -> Found:
    """Calico gives addresses to services, too: two of them may get the same."""
    for pool in (look.api.pools or ()) if look.api else ():
        if "LoadBalancer" in pool.uses:
            yield Finding(f"Calico's pool {pool.name} gives addresses to services, beside MetalLB", f"IPPool {pool.name}",
                          Severity.DEGRADED, fix=f"kubectl delete ippool.crd.projectcalico.org {pool.name}")


@rule(everywhere=_SILENT)
def published_by_nobody(look: Look) -> Found:
    """No node answers for the address of a published service."""
    for name, state in look.published.items():
        if not state.macs:
            address = look.rack.network.publish[name].address
            yield Finding(f"no node answers for {address}, the address of {name}", name, Severity.DOWN,
                          fix="kubectl -n metallb-system rollout restart daemonset speaker; " + _FIX)


@rule()
def published_twice(look: Look) -> Found:
    """Two machines answer for the address of a published service."""
    for name, state in look.published.items():
        if len(state.macs) > 1:
            nodes = {machine.inner.mac: machine.name for machine in look.rack.chicks}
            yield Finding(f"{' and '.join(nodes.get(mac, mac) for mac in state.macs)} answer for the address of {name}", name,
                          Severity.DEGRADED, fix="kubectl -n metallb-system rollout restart daemonset speaker")


@rule()
def published_silent(look: Look) -> Found:
    """A published name does not answer at its public address, or with an error of the server."""
    for name, state in look.published.items():
        if bad := {port: said for port, said in state.answers.items() if not said or said.startswith("5")}:
            yield Finding(f"{name} does not answer", name, Severity.DOWN,
                          ", ".join(f"port {port}: {said or 'nothing'}" for port, said in bad.items()), fix=_fix_of(look, name))


@rule()
def wrong_name_answered(look: Look) -> Found:
    """rooster answers a name that is not published."""
    for name, state in look.published.items():
        if not state.refused:
            yield Finding(f"a name that is not published is answered at the address of {name}", name, Severity.DEGRADED, fix=_FIX)


@rule()
def published_certificate_expired(look: Look) -> Found:
    """A published name shows a certificate that has expired."""
    for name, state in look.published.items():
        end = _end(state.until)
        if end and end <= look.now:
            yield Finding(f"the certificate of {name} has expired", name, Severity.DOWN, state.issuer, since(end), _renew(look, name))


@rule()
def published_certificate_ends(look: Look) -> Found:
    """The certificate of a published name has a fifth of its time left: it should have been renewed at a third."""
    for name, state in look.published.items():
        end, begin = _end(state.until), _end(state.begins)
        if begin < look.now < end and end - look.now <= (end - begin) / 5:
            yield Finding(f"the certificate of {name} expires in {days_left(end, look.now)} days", name, Severity.DEGRADED,
                          state.issuer, fix=_renew(look, name))


def _end(text: str) -> float:
    """ "Feb 21 21:00:00 2027 GMT"; 0 where it is none."""
    if not re.fullmatch(r"[A-Z][a-z]{2} +\d+ [\d:]+ \d{4} GMT", text.strip()):
        return 0.0
    return datetime.strptime(text.strip(), "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC).timestamp()


def _fix_of(look: Look, name: str) -> str:
    service = next((one for one in look.rack.services.values() if one.publish == name), None)
    return f"inv hub.status --hub {service.name}" if service and service.is_hub else _FIX


def _renew(look: Look, name: str) -> str:
    service = next((one for one in look.rack.services.values() if one.publish == name), None)
    return f"kubectl -n {service.in_namespace} rollout restart deployment autohttps" if service else _FIX
