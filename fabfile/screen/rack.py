"""The rack on a screen of 100 columns: a table of machines, a tree of networks and versions; or as JSON."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from rich.tree import Tree

from fabfile.screen.table import printed, ruled_table

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack


def as_text(rack: Rack) -> str:
    """The whole rack, in lines of at most WIDTH columns, in colours where the terminal has them."""
    return f"{_machines(rack)}\n{printed(_plan(rack))}"


def as_json(rack: Rack) -> str:
    """The whole rack for programs: what the files say, after defaults."""
    return json.dumps({
        "name": rack.name,
        "folder": str(rack.folder),
        "operator": rack.operator.model_dump(mode="json"),
        "machines": {name: _machine(machine) for name, machine in rack.machines.items()},
        "network": rack.network.model_dump(mode="json"),
        "versions": rack.versions.model_dump(mode="json"),
        "cluster": rack.cluster.model_dump(mode="json"),
    }, indent=2)


def _machine(machine: Machine) -> dict[str, object]:
    return machine.model_dump(mode="json") | {
        "roles": sorted(machine.roles),
        "interfaces": {name: one.model_dump(mode="json") | {"network": one.network}
                       for name, one in machine.interfaces.items()},
    }


def _machines(rack: Rack) -> str:
    rows = []
    for machine in rack.machines.values():
        about = (machine.name, ", ".join(sorted(machine.roles)))
        kept = (str(machine.bmc.address if machine.bmc else "-"), "pinned" if machine.host_key else "-")
        for interface in machine.interfaces.values():
            rows.append((*about, interface.name, interface.address or "-", interface.mac, *kept))
            about, kept = ("", ""), ("", "")
    return ruled_table(("machine", "roles", "interface", "address", "MAC", "BMC", "key"), rows,
                       whole=("roles", "address", "MAC", "BMC", "key"), title=f"rack {rack.name}")


def _plan(rack: Rack) -> Tree:
    network, versions = rack.network, rack.versions
    tree = Tree(f"rack {rack.name} in {rack.folder}")
    networks = tree.add(f"networks, domain {network.domain}")
    for name in ("public", "node", "pod", "service"):
        networks.add(f"{name:<14} {getattr(network, name)}")
    networks.add(f"{'load balancer':<14} {_pool(network.load_balancer)}")
    first_and_last = network.dhcp.range
    served = " to ".join(map(str, first_and_last)) if first_and_last else "the machines' MACs alone"
    networks.add(f"{'DHCP':<14} {served}, for {network.dhcp.lease}")
    networks.add(f"{'DNS from':<14} {', '.join(map(str, network.dns))}")
    networks.add(f"{'time from':<14} {', '.join(network.time)}")
    runs = tree.add("versions")
    runs.add(f"{'Kubernetes':<14} {versions.kubernetes.version}, package {versions.kubernetes.package}")
    runs.add(f"{'containerd':<14} {versions.containerd.version}, package {versions.containerd.package}")
    runs.add(f"{'Calico':<14} {versions.calico.version.removeprefix('v')}")
    for one in versions.tested_here:
        part = f"containerd {one.containerd}" if one.containerd else f"Calico {one.calico}"
        runs.add(f"{'tested here':<14} {part} with Kubernetes {one.kubernetes}: {one.because}")
    cluster = tree.add(f"cluster {rack.cluster.name} at {rack.cluster.endpoint_address}")
    if virtual := rack.cluster.keepalived:
        cluster.add(f"{'virtual address':<14} {virtual.virtual_ipaddress}, at one control plane at a time")
    cluster.add(f"{'control plane':<14} {', '.join(machine.name for machine in rack.control_planes)}")
    cluster.add(f"{'workers':<14} {', '.join(machine.name for machine in rack.workers) or '-'}")
    for machine in rack.chicks:
        own = [*(f"{key}={value}" for key, value in machine.node_labels.items()), *(taint.text for taint in machine.node_taints),
               *(f"kubelet's {key}" for key in machine.KubeletConfiguration)]
        if own:
            cluster.add(f"{machine.name:<14} {', '.join(own)}")
    if rack.organisations:
        organisations = tree.add("organisations")
        for name, each in rack.organisations.items():
            hub = f"{', '.join(each.rows)}, " if each.rows else ""
            organisations.add(f"{name:<14} {hub}services {_pool(each.addresses)}, pods {each.pods}, outside {each.public}")
    return tree


def _pool(pool: tuple[IPv4Network, ...]) -> str:
    return ", ".join(str(one.network_address) if one.prefixlen == 32 else str(one) for one in pool) or "-"
