"""Organisations are apart: from each other, and from what the rack has already."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from fabfile.loading.checks import secret_names
from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import NETWORK, ORGANISATIONS, SERVICES
from fabfile.rack.organisations import BLOCK, INSIDE, Organisation, OrganisationHub
from fabfile.rack.reading import Path
from fabfile.rack.services import HUB, STEPS, Service
from fabfile.upstream.release import looked_up

TAKEN = ("default", "kube-node-lease", "kube-public", "kube-system", "metallb-system", "local-path-storage", "coop-check")
POLICIES = (("hub", "networkPolicy"), ("proxy", "chp", "networkPolicy"), ("proxy", "traefik", "networkPolicy"),
            ("singleuser", "networkPolicy"))


def _at(one: Organisation, *path: str | int) -> Path:
    return ("organisations", one.name, *path)


def names_are_free(draft: Draft) -> Iterator[Wrong]:
    """A namespace, a service and a part of secrets.yaml are called by it."""
    others = {name: service for name, service in draft.services.items()
              if isinstance(service, Service) and not isinstance(service, OrganisationHub)}
    spaces = {service.in_namespace: service for service in others.values()}
    for name, one in draft.organisations.items():
        if name in TAKEN or name.startswith("kube-"):
            yield Wrong(ORGANISATIONS, _at(one), f"{name} is a namespace of the cluster's own", "take another name")
        elif name in STEPS or name == HUB:
            yield Wrong(ORGANISATIONS, _at(one), f"{name} is a step of cluster.bootstrap", "take another name")
        elif name in secret_names.TAKEN:
            yield Wrong(ORGANISATIONS, _at(one), f"secrets.yaml has others under the name {name}", "take another name")
        elif name in others:
            yield Wrong(ORGANISATIONS, _at(one), f"{name} is a service of {SERVICES}", "take another name")
        elif name in spaces:
            service = spaces[name]
            if service.is_hub or service.quota:
                yield Wrong(ORGANISATIONS, _at(one), f"{name} is the namespace of the service {service.name}", "take another name")


def domains_are_apart(draft: Draft) -> Iterator[Wrong]:
    seen: dict[str, str] = {}
    for one in draft.organisations.values():
        if one.service is None:
            continue
        domain = one.hub_domain
        if not domain:
            yield Wrong(ORGANISATIONS, _at(one, "domain"), "is missing",
                        f"such as {one.name}.flock.example; or domain: flock.example for all")
        elif domain in (draft.network.publish or {}):
            line = draft.line(NETWORK, "publish", domain)
            yield Wrong(ORGANISATIONS, _at(one, "domain"), f"{domain} is published by {NETWORK}, line {line}",
                        "leave it out there: an organisation's hub is published by itself")
        elif (other := seen.setdefault(domain, one.name)) != one.name:
            yield Wrong(ORGANISATIONS, _at(one, "domain"), f"{domain} is {other}'s already", "each hub has a name of its own")


def ranges_are_apart(draft: Draft) -> Iterator[Wrong]:
    """The addresses of pods and services: private ones that nobody else has."""
    earlier: dict[IPv4Network, str] = {}
    others = dict(_others(draft))
    for one in draft.organisations.values():
        ranges: list[tuple[Path, IPv4Network]] = [(("pods",), one.pods)]
        ranges += [(("addresses", index), network) for index, network in enumerate(one.addresses)]
        for path, network in ranges:
            at = _at(one, *path)
            if not network.subnet_of(INSIDE):
                yield Wrong(ORGANISATIONS, at, f"{network} lies outside {INSIDE}", "elsewhere are addresses of others")
            for what, other in others.items():
                if network.overlaps(other):
                    yield Wrong(ORGANISATIONS, at, f"{network} overlaps {what}", "each range has addresses that nobody else has")
            for other, whose in earlier.items():
                if network.overlaps(other):
                    yield Wrong(ORGANISATIONS, at, f"{network} overlaps {whose} {other}", "each range has addresses that nobody else has")
            earlier[network] = f"{one.name}'s {'pods' if path == ('pods',) else 'address'}"
        if one.pods.prefixlen > BLOCK:
            yield Wrong(ORGANISATIONS, _at(one, "pods"), f"{one.pods} is too small", f"Calico gives each node a /{BLOCK} of it")


def _others(draft: Draft) -> Iterator[tuple[str, IPv4Network]]:
    """What has addresses already, in words; machines, DHCP's range and the API's own address lie in the node network."""
    plan = draft.network
    for name in ("public", "node", "pod", "service"):
        if network := getattr(plan, name):
            yield f"the {name} network {network}", network
    for addresses in plan.load_balancer or ():
        yield f"{addresses} of load_balancer", addresses
    for machine in draft.machines.values():
        if machine.bmc:
            yield f"the BMC of {machine.name}, {machine.bmc.address}", IPv4Network(machine.bmc.address)


def public_addresses_are_roosters(draft: Draft) -> Iterator[Wrong]:
    """Each organisation leaves with an address that rooster can have, and that means nobody else."""
    network = draft.network.public
    owners: dict[IPv4Address, str] = {interface.address.ip: f"{machine.name}'s own" for machine, interface in draft.interfaces()
                                      if interface.address}
    owners |= {interface.gateway: "the router's" for _, interface in draft.interfaces() if interface.gateway}
    for name, row in (draft.network.publish or {}).items():
        if row.public:
            owners.setdefault(row.public, f"that of {name}, {NETWORK}, line {draft.line(NETWORK, 'publish', name)}")
    for one in draft.organisations.values():
        at = _at(one, "public")
        if network and one.public not in network:
            yield Wrong(ORGANISATIONS, at, f"{one.public} lies outside the public network {network}", "rooster answers there alone")
        elif network and one.public in (network.network_address, network.broadcast_address):
            yield Wrong(ORGANISATIONS, at, f"{one.public} is the public network's own first or last address", "take one between them")
        elif one.public in owners:
            yield Wrong(ORGANISATIONS, at, f"{one.public} is {owners[one.public]}", "each organisation has an address of its own")
        owners.setdefault(one.public, f"{one.name}'s")


def reach_is_outside(draft: Draft) -> Iterator[Wrong]:
    """What rooster lets their pods reach: it is not asked about what is inside."""
    inside = {"node": draft.network.node, "pod": draft.network.pod, "service": draft.network.service}
    for one in draft.organisations.values():
        for index, network in enumerate(one.reach or ()):
            for name, other in inside.items():
                if other and network != IPv4Network("0.0.0.0/0") and network.overlaps(other):
                    yield Wrong(ORGANISATIONS, _at(one, "reach", index), f"{network} overlaps the {name} network {other}",
                                "`reach` is what lies beyond rooster; inside, the charts' policies decide")


def homes_are_counted_once(draft: Draft) -> Iterator[Wrong]:
    """Where homes are folders of one volume, no claim is counted for a user."""
    if not (draft.storage and draft.storage.homes):
        return
    for one in draft.organisations.values():
        for key in ("homes", "storage"):
            if getattr(one.limits, key) is not None:
                at = _at(one, "quota", key) if getattr(one.quota, key) is not None else ("quota", key)
                yield Wrong(ORGANISATIONS, at, "homes are folders of one volume here, which no quota of claims limits",
                            "homes.quota in configs/storage.yaml limits each home; leave this key out")


def hubs_keep_their_policies(draft: Draft) -> Iterator[Wrong]:
    """Pods of an organisation without a policy of their chart's are reached by nobody."""
    for one in draft.organisations.values():
        hub = one.service
        for path in POLICIES if hub else ():
            if hub and looked_up(hub.values, *path, "enabled") is False:
                yield Wrong(ORGANISATIONS, hub.place(*path, "enabled"), "without this policy nobody would reach these pods",
                            "leave this key out")


ALL = (names_are_free, domains_are_apart, ranges_are_apart, public_addresses_are_roosters, reach_is_outside, homes_are_counted_once,
       hubs_keep_their_policies)
