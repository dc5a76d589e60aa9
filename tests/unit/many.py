"""What many machines and their cluster would tell the doctor, made of the cases' healthy ones: for the cost of its rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface
from types import MappingProxyType

from fabfile.facts import cluster, machine
from fabfile.facts.look import Look, Unreachable
from fabfile.rack import Machine, Rack
from tests.unit.small_rack import small_rack
from tests.unit.test_doctor import BASE, answer_of, node_of

PODS = 6  # a node, beside those that every node has
SEEN = "2026-11-23T08:00:00Z"


def rack_of(chicks: int) -> Rack:
    """The small rack with so many chicks, of which one is the control plane."""
    rack = small_rack()
    machines = {name: one for name, one in rack.machines.items() if not one.is_member or name == "chick0"}
    machines |= {name: _another(rack.machines["chick1"], name, number) for number in range(1, chicks) for name in [f"chick{number}"]}
    return replace(rack, machines=MappingProxyType(machines))


def answers_of(chicks: int, off: int = 0) -> Callable[[], Look]:
    """Answers of healthy machines, of which the last are off; and what reads them."""
    rack = rack_of(chicks)
    names = [one.name for one in rack.chicks]
    gone = names[chicks - off:]
    answers = {"rooster": answer_of("rooster", BASE["machines"]["rooster"]), "chick0": answer_of("chick0", BASE["machines"]["chick0"])}
    answers |= {name: answer_of(name, {**BASE["machines"]["chick1"], "address": [f"enp1s0 {rack.machines[name].inner.address}"]})
                for name in names[1:] if name not in gone}
    told = _cluster(rack, gone)
    silent = {name: Unreachable("NoAnswer", "no route to host") for name in gone}
    return lambda: Look(rack, BASE["now"], {name: machine.parse(name, said) for name, said in answers.items()}, silent, cluster.parse(told))


def _another(machine: Machine, name: str, number: int) -> Machine:
    """The same with another name and address."""
    (link, interface), *_ = machine.interfaces.items()
    mac, address = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", ip_interface(f"10.0.{number // 250}.{1 + number % 250}/16")
    other = machine.model_copy(update={"interfaces": {link: interface.model_copy(update={"mac": mac, "address": address})}})
    other._name = name
    return other


def _cluster(rack: Rack, gone: list[str]) -> str:
    """Of the machines that are off, Kubernetes has noticed that: their pods are to end, and are not ready."""
    nodes, pods, leases = [], [], []
    up = len(rack.chicks) - len(gone)
    for one in rack.chicks:
        away = one.name in gone
        nodes.append(node_of(one.name, {"address": str(one.address()), "ready": "Unknown" if away else "True",
                                        "control_plane": one is rack.control_planes[0]}))
        for name in (f"calico-node-{one.name}", f"kube-proxy-{one.name}", *(f"jupyter-{one.name}-{number}" for number in range(PODS))):
            ending = "2026-11-23T18:00:00Z" if away and name.startswith("jupyter") else ""
            space = "hub" if name.startswith("jupyter") else "kube-system"
            pods.append(f"{space} {name} {one.name} Running {'false' if away else 'true'},   {ending} {SEEN} 0, {SEEN} ")
        leases.append(f"Lease kube-node-lease {one.name} 2026-11-23T{'18:00' if away else '19:59'}:55.000000Z")
    objects = [line for line in BASE["cluster"]["objects"] if not line.startswith("Lease ")]
    parts = {**BASE["cluster"], "nodes": json.dumps({"items": nodes}), "pods": pods, "objects": [*objects, *leases],
             "sessions": [f"{one.name} {up - 1}" for one in rack.chicks if one.name not in gone]}
    return "\n".join(f"#{key}\n" + ("\n".join(value) if isinstance(value, list) else str(value)) for key, value in parts.items())
