"""The API's own address: keepalived gives it to one control plane at a time, one whose API server is well."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Absent, Check, File, FreeAddress, Packages, Resource, Unit
from fabfile.roles.rendering import render

SETTINGS, UNIT = "/etc/coop/keepalived.conf", "/etc/systemd/system/coop-endpoint.service"


def endpoint(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane, where cluster.yaml names an address. By multicast: the settings name no other control plane, so one
    that comes or goes changes none of the others."""
    wanted = rack.cluster.keepalived
    if wanted is None or machine not in rack.control_planes:
        yield from no_endpoint()
        return
    macs = tuple(sorted(other.inner.mac for other in rack.control_planes))
    yield FreeAddress(str(wanted.virtual_ipaddress), machine.inner.name, macs, SETTINGS)
    yield Packages({"keepalived": None, "nftables": None})
    # one after another by priority: two that took the address at the same moment would both tell the wire so. It is the machine's alone,
    # so that others stay as they are when one leaves: other for each of 251 addresses in a row, and far from its neighbours'
    priority = 1 + int(machine.address()) * 97 % 251
    yield File(SETTINGS, render("chick/etc/coop/keepalived.conf", machine=machine, settings=wanted, priority=priority, port=API_PORT),
               check="keepalived --config-test --use-file {}")
    yield File(UNIT, render("chick/etc/systemd/system/coop-endpoint.service", endpoint=rack.cluster.endpoint, settings=SETTINGS,
                            address=wanted.virtual_ipaddress, port=API_PORT))
    yield Unit("coop-endpoint", watches=(SETTINGS, UNIT), reload=True)


def no_endpoint() -> Iterator[Resource]:
    """The machine gives the address to the others, and never takes it again. The package stays."""
    yield Unit("coop-endpoint", running=False, enabled=False)
    yield Absent(UNIT)
    yield Absent(SETTINGS)


def endpoint_answers(rack: Rack) -> Iterator[Check]:
    """As soon as any API server is well: one control plane has the address, and an API server answers there. Nobody has it where
    another router on this wire uses the same number: each waits for that one."""
    wanted = rack.cluster.keepalived
    if wanted is None:
        return
    planes = [one for one in rack.control_planes if one in rack.reached]
    yield Check(f"one control plane answers at {wanted.virtual_ipaddress}", rack.gateway.name, shell(
        "endpoint", address=str(wanted.virtual_ipaddress), port=str(API_PORT), interface=rack.gateway.inner.name,
        planes=" ".join(str(one.address()) for one in planes), macs=" ".join(one.inner.mac for one in rack.control_planes)))
