"""Networks must not overlap, and address ranges must not contain machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import summarize_address_range
from itertools import combinations

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import NETWORK

NAMES = ("public", "node", "pod", "service")
NODE_MASK = 24  # kube-controller-manager gives each node a /24 of the pod network
SMALLEST_SERVICE, LARGEST_SERVICE = 28, 12  # .10 is the cluster's DNS; kubeadm refuses more than 20 bits


def networks_do_not_overlap(draft: Draft) -> Iterator[Wrong]:
    for first, second in combinations(NAMES, 2):
        one, other = getattr(draft.network, first), getattr(draft.network, second)
        if one and other and one.overlaps(other):
            yield Wrong(NETWORK, (second,), f"{other} overlaps the {first} network {one}",
                        "every network has its own addresses")


def networks_are_large_enough(draft: Draft) -> Iterator[Wrong]:
    pod, service = draft.network.pod, draft.network.service
    members = [machine for machine in draft.machines.values() if machine.roles & {"control-plane", "worker"}]
    if pod and (pod.prefixlen > NODE_MASK or 2 ** (NODE_MASK - pod.prefixlen) < len(members)):
        yield Wrong(NETWORK, ("pod",), f"{pod} is too small for {len(members)} machines",
                    "each takes a /24 of it")
    elif pod and pod.prefixlen < NODE_MASK - 16:
        yield Wrong(NETWORK, ("pod",), f"{pod} is larger than Kubernetes supports", "a /8 at most")
    if service and not LARGEST_SERVICE <= service.prefixlen <= SMALLEST_SERVICE:
        yield Wrong(NETWORK, ("service",), f"a service network of /{service.prefixlen} is not possible",
                    f"from /{LARGEST_SERVICE} to /{SMALLEST_SERVICE}")


def load_balancer_pool(draft: Draft) -> Iterator[Wrong]:
    plan = draft.network
    pool = list(enumerate(plan.load_balancer or ()))
    for name in ("public", "pod", "service"):
        network = getattr(plan, name)
        inside = [index for index, addresses in pool if network and addresses.overlaps(network)]
        if inside:
            first = pool[inside[0]][1]
            shown = f"{first} and {len(inside) - 1} more overlap" if inside[1:] else f"{first} overlaps"
            yield Wrong(NETWORK, ("load_balancer", inside[0]), f"{shown} the {name} network {network}",
                        "services get addresses that no other network has")
    for index, addresses in pool:
        at = ("load_balancer", index)
        for machine, interface in draft.interfaces():
            if interface.address and interface.address.ip in addresses:
                yield Wrong(NETWORK, at, f"{addresses} holds {machine.name}'s address {interface.address.ip}",
                            "MetalLB would answer for it")
        for earlier, others in pool[:index]:
            if addresses.overlaps(others):
                line = draft.line(NETWORK, "load_balancer", earlier)
                yield Wrong(NETWORK, at, f"{addresses} overlaps {others} on line {line}",
                            "name an address once")


def dhcp_range(draft: Draft) -> Iterator[Wrong]:
    plan = draft.network
    if plan.dhcp is None or plan.dhcp.range is None or plan.node is None:
        return
    first, last = plan.dhcp.range
    at = ("dhcp", "range")
    if first > last:
        yield Wrong(NETWORK, at, f"{first} comes after {last}", "the first address, then the last")
        return
    for index, end in enumerate((first, last)):
        if end not in plan.node:
            yield Wrong(NETWORK, (*at, index), f"{end} lies outside the node network {plan.node}",
                        "DHCP serves that network alone")
    for machine, interface in draft.interfaces():
        if interface.address and first <= interface.address.ip <= last:
            yield Wrong(NETWORK, at, f"the range holds {machine.name}'s address {interface.address.ip}",
                        "another machine could be given it")
    whole = list(summarize_address_range(first, last))
    for addresses in plan.load_balancer or ():
        if any(addresses.overlaps(part) for part in whole):
            yield Wrong(NETWORK, at, f"the range holds {addresses} of the load balancer",
                        "another machine could be given it")


def the_firewall_keeps_the_campus_out(draft: Draft) -> Iterator[Wrong]:
    firewall, gateway = draft.network.firewall, draft.gateway
    if firewall is None or gateway is None:
        return
    for key in ("interfaces", "forward"):
        for index, name in enumerate(getattr(firewall, key)):
            interface = gateway.interfaces.get(name)
            if interface and interface.network == "public":
                yield Wrong(NETWORK, ("firewall", key, index), f"{name} is {gateway.name}'s interface to the world",
                            "let single ports in: allow: {9100/tcp: [128.120.0.0/16]}")
            elif interface and interface.network == "node":
                yield Wrong(NETWORK, ("firewall", key, index), f"{name} is {gateway.name}'s interface to the rack",
                            "name others, such as a VPN's; or let single ports in: allow: {9100/tcp: [10.0.0.0/24]}")


def names_and_time_come_from_outside(draft: Draft) -> Iterator[Wrong]:
    own = {one.address.ip: machine.name for machine, one in draft.interfaces() if one.address}
    for index, server in enumerate(draft.network.dns or ()):
        if server in own:
            yield Wrong(NETWORK, ("dns", index), f"{server} is {own[server]} itself",
                        "name the resolvers that the gateway asks")
    for key in ("dns", "time"):
        if getattr(draft.network, key) == ():
            yield Wrong(NETWORK, (key,), "names no server", "one at least")


def the_domain_is_not_the_clusters(draft: Draft) -> Iterator[Wrong]:
    kubeadm = draft.cluster.kubeadm
    networking = kubeadm.ClusterConfiguration.get("networking") if kubeadm else None
    clusters = networking.get("dnsDomain") if isinstance(networking, Mapping) else None
    if draft.network.domain and draft.network.domain == (clusters or "cluster.local"):
        yield Wrong(NETWORK, ("domain",), f"{draft.network.domain} is the cluster's own domain",
                    "take another, such as flock.lan")


ALL = (networks_do_not_overlap, networks_are_large_enough, load_balancer_pool, dhcp_range, the_firewall_keeps_the_campus_out,
       names_and_time_come_from_outside, the_domain_is_not_the_clusters)
