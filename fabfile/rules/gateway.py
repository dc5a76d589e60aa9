"""rooster as the rack's router: addresses, filter, the way out."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.roles.publishing import more_addresses
from fabfile.rules.rule import Found, on, rule

_FIX = "inv gateway.apply"


@rule(everywhere=("not_masqueraded", "nothing_filtered"))
def filter_not_running(look: Look) -> Found:
    """rooster's nftables is not running: nothing is filtered, and nothing of the rack gets out."""
    unit = look.rooster.units.get("nftables") if look.rooster else None
    if look.rooster and unit and not unit.runs:
        yield Finding(f"nftables does not run on {look.rooster.name}", look.rooster.name, Severity.DOWN, unit.active, unit.since, _FIX)


@rule(everywhere=("image_not_pulled",))
def not_masqueraded(look: Look) -> Found:
    """rooster does not translate the nodes' addresses: nothing of the rack reaches the internet."""
    if look.rooster and look.rooster.no("masquerades"):
        yield Finding(f"{look.rooster.name} does not translate the nodes' addresses: they do not reach the internet",
                      look.rooster.name, Severity.DOWN, fix=_FIX)


@rule()
def nothing_filtered(look: Look) -> Found:
    """rooster's packet filter is not loaded: services that are the rack's alone can be reached from outside."""
    if look.rooster and look.rooster.no("filters"):
        yield Finding(f"{look.rooster.name} filters nothing", look.rooster.name, Severity.DOWN, fix=_FIX)


@rule(everywhere=("image_not_pulled",))
def not_forwarding(look: Look) -> Found:
    """rooster forwards no packets."""
    if look.rooster and look.rooster.text("forwards") == "0":
        yield Finding(f"{look.rooster.name} forwards no packets: the rack does not reach the internet", look.rooster.name,
                      Severity.DOWN, "net.ipv4.ip_forward is 0", fix=_FIX)


@rule(everywhere=("image_not_pulled", "resolves_nothing_outside"))
def internet_unreachable(look: Look) -> Found:
    """rooster does not reach the internet."""
    rooster = look.rooster
    if rooster and "internet" in rooster.said and rooster.text("internet") in ("", "000"):
        beyond = "its next hop answers: the fault is beyond it" if rooster.yes("way") else "its next hop does not answer"
        outer = look.rack.gateway.outer
        yield Finding(f"{rooster.name} does not reach the internet", rooster.name, Severity.DEGRADED,
                      beyond,
                      fix=f"check the cable at {outer.name}, and ask whoever runs {outer.gateway}; " + on(
                          rooster.name, f"curl -I {look.rack.network.internet_check}"))


@rule(everywhere=("published_by_nobody", "published_silent", "hub_api_silent"))
def service_route_missing(look: Look) -> Found:
    """rooster has no route to the addresses of services."""
    lost = [line.split()[0] for line in look.rooster.lines("service-route") if line.endswith(" no")] if look.rooster else []
    if look.rooster and lost:
        yield Finding(f"{look.rooster.name} has no route to {', '.join(lost)}, where services are", look.rooster.name, Severity.DOWN,
                      fix=_FIX)


@rule(everywhere=("published_silent",))
def public_address_missing(look: Look) -> Found:
    """rooster lacks a public address of network.yaml."""
    if look.rooster and look.rooster.lines("address"):
        have = {line.split()[1].partition("/")[0] for line in look.rooster.lines("address")}
        for address in more_addresses(look.rack):
            if address.partition("/")[0] not in have:
                yield Finding(f"{look.rooster.name} does not have the public address {address.partition('/')[0]}", look.rooster.name,
                              Severity.DOWN, fix=_FIX)


@rule()
def cache_not_running(look: Look) -> Found:
    """rooster's cache, or what serves installations, is not running."""
    for name, what in (("coop-cache", "the cache of packages and images"), ("coop-boot", "what serves installations")):
        unit = look.rooster.units.get(name) if look.rooster else None
        if look.rooster and unit and not unit.runs:
            yield Finding(f"{what} does not run on {look.rooster.name}", look.rooster.name, Severity.DEGRADED, unit.active, unit.since,
                          _FIX)
