"""Every machine's addresses are in the right networks, and its default route is the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import HOSTS
from fabfile.rack.machines import Interface, Machine
from fabfile.rack.reading import Path


def _at(machine: Machine, interface: Interface, key: str) -> Path:
    return ("machines", machine.name, "interfaces", interface.name, key)


def addresses_are_in_their_network(draft: Draft) -> Iterator[Wrong]:
    known = {"public": draft.network.public, "node": draft.network.node}
    if None in known.values():
        return
    shown = ", ".join(f"{name} {network}" for name, network in known.items())
    for machine, interface in draft.interfaces():
        if interface.address is None:
            continue
        at = _at(machine, interface, "address")
        if interface.network is None:
            yield Wrong(HOSTS, at, f"{interface.address.ip} is in none of the rack's networks",
                        f"{shown}: configs/network.yaml")
            continue
        network = known[interface.network]
        if interface.address.network != network:
            yield Wrong(
                HOSTS, at, f"{interface.address} is not as long as the {interface.network} network {network}",
                f"write {interface.address.ip}/{network.prefixlen}")
        elif interface.address.ip in (network.network_address, network.broadcast_address):
            yield Wrong(
                HOSTS, at,
                f"{interface.address.ip} is the {interface.network} network's own first or last address",
                "take one between them")


def one_address_a_network(draft: Draft) -> Iterator[Wrong]:
    """The gateway is in both networks, every other machine in the node network alone."""
    if not (draft.network.public and draft.network.node):
        return
    for machine in draft.machines.values():
        wanted = ("public", "node") if machine is draft.gateway else ("node",)
        for network in wanted:
            inside = [one for one in machine.interfaces.values() if one.network == network]
            astray = any(one.address and one.network is None for one in machine.interfaces.values())
            if not inside and not astray:
                why = "the gateway joins both networks" if machine is draft.gateway else \
                    "machines connect to each other there, without tunnels"
                yield Wrong(HOSTS, ("machines", machine.name, "interfaces"),
                            f"no interface has an address in the {network} network "
                            f"{getattr(draft.network, network)}", why)
            for interface in inside[1:]:
                yield Wrong(HOSTS, _at(machine, interface, "address"),
                            f"{inside[0].name} is in the {network} network already",
                            "two network cards in one network answer for each other")


def default_route(draft: Draft) -> Iterator[Wrong]:
    """The gateway has exactly one, out of its public interface; everybody else's leads to the gateway."""
    for machine in (draft.gateway,) if draft.gateway else ():
        ways = [one for one in machine.interfaces.values() if one.gateway or one.dhcp]
        if not ways:
            yield Wrong(HOSTS, ("machines", machine.name, "interfaces"), "the gateway has no way out",
                        "give its public interface gateway: ADDRESS")
        for interface in ways[1:]:
            yield Wrong(HOSTS, _at(machine, interface, "gateway"),
                        f"{ways[0].name} has the default route already", "a machine has one")
        for interface in ways[:1]:
            if interface.network == "node":
                yield Wrong(HOSTS, _at(machine, interface, "gateway"),
                            "the default route leads into the rack", "it belongs to the public interface")
    inner = [one.address.ip for machine, one in draft.interfaces()
             if machine is draft.gateway and one.network == "node" and one.address]
    for machine, interface in draft.interfaces():
        if interface.dhcp and (machine is not draft.gateway or interface.network == "node"):
            yield Wrong(HOSTS, _at(machine, interface, "dhcp"), "rooster gives the rack's addresses itself",
                        "dhcp is for the gateway's public interface")
        elif interface.dhcp and interface.gateway:
            yield Wrong(HOSTS, _at(machine, interface, "gateway"), "the site's DHCP server names the next hop", "leave this key out")
        if interface.gateway is None:
            continue
        at = _at(machine, interface, "gateway")
        if interface.address is None:
            yield Wrong(HOSTS, at, "a default route needs an address on its interface",
                        "give it address: ADDRESS/LENGTH")
        elif interface.gateway not in interface.address.network:
            yield Wrong(HOSTS, at, f"{interface.gateway} cannot be reached from {interface.address}",
                        "the next hop lies in the interface's own network")
        elif interface.gateway == interface.address.ip:
            yield Wrong(HOSTS, at, "the next hop is the machine itself", "name the router's address")
        elif "gateway" not in machine.roles and inner and interface.gateway not in inner:
            yield Wrong(HOSTS, at, f"{machine.name}'s way out is not the gateway's inner address {inner[0]}",
                        "leave this key out")


def bmcs_are_apart(draft: Draft) -> Iterator[Wrong]:
    """Whoever gets into a pod or a machine must not meet the machines' own controllers there."""
    plan = draft.network
    networks = {name: getattr(plan, name) for name in ("public", "node", "pod", "service")}
    for machine in draft.machines.values():
        for name, network in networks.items():
            if machine.bmc and network and machine.bmc.address in network:
                yield Wrong(HOSTS, ("machines", machine.name, "bmc"),
                            f"{machine.bmc.address} lies in the {name} network {network}",
                            "controllers have a network of their own")


ALL = (addresses_are_in_their_network, one_address_a_network, default_route, bmcs_are_apart)
