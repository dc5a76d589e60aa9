"""Addresses for services: MetalLB announces each from one node, in the rack's network."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.resources import Check, Command, NoCalicoLoadBalancerIPAM, Resource
from fabfile.roles.manifests import Document, own, vendors
from fabfile.upstream.paths import ADMIN_CONF
from fabfile.upstream.tolerations import leaves_soon

NAMESPACE = "metallb-system"


def load_balancer(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """MetalLB, by the vendor's manifest without FRR: Calico already speaks BGP with the same neighbours."""
    if rack.versions.metallb is None:
        return
    secrets = Command(shell("metallb_secrets", kubeconfig=ADMIN_CONF, namespace=NAMESPACE),
                      shown="make the secrets that MetalLB's pods mount, unless they are there")
    yield from vendors("metallb", rack.versions.metallb, {"controller.yaml": controller_patch()}, then=secrets)


def controller_patch() -> Document:
    """The controller leaves a dead node soon: meanwhile no service is given its address."""
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "controller", "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"tolerations": leaves_soon()}}},
    }


def addresses(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The pool of network.yaml: an address goes to the service that asks for it by name, to no other."""
    if rack.versions.metallb is None or not rack.network.load_balancer:
        return
    yield NoCalicoLoadBalancerIPAM(ADMIN_CONF)
    yield from own("addresses", address_pool(rack))


def address_pool(rack: Rack) -> list[Document]:
    """Without an advertisement, nobody would answer; without its interfaces, on every wire that a node
    has."""
    return [
        _object("IPAddressPool", {"addresses": [str(network) for network in rack.network.load_balancer],
                                  "autoAssign": False, "avoidBuggyIPs": False}),
        _object("L2Advertisement", {"ipAddressPools": ["rack"], "interfaces": links(rack)}),
    ]


def links(rack: Rack) -> list[str]:
    """The interfaces of nodes at which addresses are announced."""
    return sorted({machine.inner.name for machine in rack.chicks if rack.takes_pods(machine)})


def _object(kind: str, spec: Document, name: str = "rack") -> Document:
    return {
        "apiVersion": "metallb.io/v1beta1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec
    }


def metallb_is_ready(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Its controller takes pools (through its webhook), and a speaker runs on every node that is Ready."""
    if rack.versions.metallb is not None:
        yield Check("MetalLB accepts address pools, and its speaker runs on every node", rack.leader.name, shell(
            "nodes", "metallb", kubeconfig=ADMIN_CONF, namespace=NAMESPACE,
            pool=yaml.safe_dump(_object("IPAddressPool", {"addresses": ["192.0.2.1/32"], "autoAssign": False},
                                        "looked-at"))), limit=300)


def address_is_answered_once(rack: Rack, address: str) -> Check:
    """ARP for a service's address, asked from the gateway: one MAC, and it is a node's."""
    macs = " ".join(machine.inner.mac for machine in rack.chicks)
    return Check(
        f"one node announces {address}", rack.gateway.name, f"""
found=$(arping -b -c 3 -w 4 -I {rack.gateway.inner.name} {address} 2>&1 |
    grep -oiE '([0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}}' | tr A-F a-f | sort -u)
[ -n "$found" ] || {{ echo "nobody answers for {address}"; exit 1; }}
[ "$(printf '%s\\n' "$found" | wc -l)" = 1 ] || {{ echo "several answer for {address}:" $found; exit 1; }}
case " {macs} " in *" $found "*) ;; *) echo "$found answers for {address}: no chick's"; exit 1 ;; esac
""", limit=60)
