"""The roles of machines, and values that must be unique."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import HOSTS
from fabfile.rack.machines import Machine
from fabfile.rack.reading import Path


def one_gateway(draft: Draft) -> Iterator[Wrong]:
    gateways = [machine for machine in draft.machines.values() if "gateway" in machine.roles]
    if not gateways and draft.whole:
        yield Wrong(HOSTS, ("machines",), "no machine is the gateway", "one has roles: [gateway]")
    for machine in gateways[1:]:
        yield Wrong(HOSTS, ("machines", machine.name, "roles"), f"{gateways[0].name} is the gateway already",
                    "a rack has exactly one")


def the_gateway_is_no_member(draft: Draft) -> Iterator[Wrong]:
    for machine in draft.machines.values():
        if "gateway" in machine.roles and machine.roles & {"control-plane", "worker"}:
            yield Wrong(HOSTS, ("machines", machine.name, "roles"),
                        "the gateway cannot be in the cluster too",
                        "it has to work when the cluster does not")


def control_plane_of_odd_size(draft: Draft) -> Iterator[Wrong]:
    masters = [machine.name for machine in draft.machines.values() if "control-plane" in machine.roles]
    if not draft.whole:
        return
    if not masters:
        yield Wrong(HOSTS, ("machines",), "no machine is of the control plane",
                    "one, three or five have roles: [control-plane]")
    elif len(masters) % 2 == 0:
        yield Wrong(HOSTS, ("machines", masters[-1], "roles"),
                    f"a control plane of {len(masters)} ({', '.join(masters)}) bears no more failures than "
                    f"one of {len(masters) - 1}", "etcd needs a majority: take one, three or five")


_TWICE = {"host key": "a cloned disk? generate new host keys there",
          "UUID": "firmware that its vendor has not filled in? then leave the key out at both",
          "serial number": "firmware that its vendor has not filled in? then leave the key out at both"}


def nothing_twice(draft: Draft) -> Iterator[Wrong]:
    """MACs, addresses, disks, host keys and what an installer knows a machine by belong to one machine each. Links of one
    machine may share a MAC: a VLAN has that of its card, a bond that of one of its cards."""
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    for machine in draft.machines.values():
        for what, value, path in _own(machine):
            if what == "MAC" and seen.get((what, value), ("",))[0] == machine.name:
                continue
            if (what, value) in seen:
                owner, line = seen[what, value]
                shown = "this host key" if what == "host key" else f"{what} {value}"
                yield Wrong(HOSTS, path, f"{shown} is {owner}'s already, on line {line}", _TWICE.get(what, ""))
            else:
                seen[what, value] = machine.name, draft.line(HOSTS, *path)


def _own(machine: Machine) -> Iterator[tuple[str, str, Path]]:
    path: Path = ("machines", machine.name)
    for name, interface in machine.interfaces.items():
        yield "MAC", interface.mac, (*path, "interfaces", name, "mac")
        if interface.address:
            yield "address", str(interface.address.ip), (*path, "interfaces", name, "address")
    for name, disk in machine.disks.items():
        yield "disk", disk, (*path, "disks", name)
    if machine.bmc:
        yield "address", str(machine.bmc.address), (*path, "bmc")
    for what, value, key in (("UUID", machine.hardware.uuid, "uuid"), ("serial number", machine.hardware.serial, "serial")):
        if value:
            yield what, value, (*path, "hardware", key)
    if machine.host_key:
        yield "host key", machine.host_key, (*path, "host_key")


def macs_are_of_one_card(draft: Draft) -> Iterator[Wrong]:
    for machine, interface in draft.interfaces():
        if int(interface.mac[:2], 16) & 1 or interface.mac == "00:00:00:00:00:00":
            yield Wrong(HOSTS, ("machines", machine.name, "interfaces", interface.name, "mac"),
                        f"{interface.mac} is not the MAC address of a network card",
                        "`ip link` shows it after link/ether")


def names_are_free(draft: Draft) -> Iterator[Wrong]:
    if "localhost" in draft.machines:
        yield Wrong(HOSTS, ("machines", "localhost"), "this name is reserved on every machine",
                    "take another name")


ALL = (names_are_free, one_gateway, the_gateway_is_no_member, control_plane_of_odd_size, nothing_twice,
       macs_are_of_one_card)
