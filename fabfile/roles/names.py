"""A machine's host name, and the resolvers that it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from fabfile.rack import Machine, Rack
from fabfile.resources import CloudInitData, File, FirstLine, Hostname, HostNames, IfThere, Resource, Unit
from fabfile.roles.rendering import render

#: dhcpcd sources it before the hooks, each time that it runs them (dhcpcd-run-hooks(8)): a line holds at once. `nohook` in dhcpcd.conf
#: does not: a daemon that is told to read that again (SIGHUP) runs its hooks once more by the old settings first, after its own time.
DHCPCD = "/etc/dhcpcd.enter-hook"
DHCLIENT = "/etc/dhcp/dhclient-enter-hooks.d/rack"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/90-rack.conf"


def own_name(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The machine's own name, and the names that it must know when DNS is away.

    A chick knows itself, rooster and the API endpoint; rooster alone knows everyone, and its DNS tells the
    others. So a machine that comes or goes changes no file on its neighbours.
    """
    yield CloudInitData()
    yield IfThere("/etc/cloud/cloud.cfg.d", File("/etc/cloud/cloud.cfg.d/99-rack.cfg", render("every/etc/cloud/cloud.cfg.d/99-rack.cfg")))
    yield Hostname(machine.name)
    known = rack.by_address if machine is rack.gateway else (machine, rack.gateway)
    yield HostNames(content=render("every/etc/hosts", machine=machine, machines=known, gateway=rack.gateway,
                                   domain=rack.network.domain, endpoint=rack.cluster.endpoint,
                                   endpoint_addresses=endpoint_addresses(rack, machine)))


def endpoint_addresses(rack: Rack, machine: Machine) -> list[IPv4Address]:
    """Where this machine finds the API, in the order in which programs try: a control plane at itself first, everybody else at
    the virtual address, and nobody at one that is meant to be off.

    The control planes stand behind the virtual address: until keepalived runs, and should it stop everywhere, they are found still.
    """
    present = [each for each in rack.control_planes if not each.expected_off] or rack.control_planes
    own = [each.address() for each in present if each is machine]
    virtual = [rack.cluster.keepalived.virtual_ipaddress] if rack.cluster.keepalived else []
    return [*own, *virtual, *sorted(each.address() for each in present if each is not machine)]


def resolvers(rack: Rack, addresses: Iterable[IPv4Address | str]) -> Iterator[Resource]:
    """/etc/resolv.conf: the resolvers that the machine asks, first to last. Whoever else writes it is told not to."""
    yield IfThere("/etc/dhcpcd.conf", FirstLine(DHCPCD, 'skip_hooks="$skip_hooks resolv.conf"'))
    yield IfThere("/etc/dhcp/dhclient-enter-hooks.d", File(DHCLIENT, render("every/etc/dhcp/dhclient-enter-hooks.d/rack")))
    yield IfThere("/etc/NetworkManager", File(NETWORK_MANAGER, render("every/etc/NetworkManager/conf.d/90-rack.conf")))
    yield IfThere("/etc/NetworkManager", Unit("NetworkManager", running=None, enabled=None, watches=(NETWORK_MANAGER,), reload=True))
    yield File("/etc/resolv.conf", render("every/etc/resolv.conf", domain=rack.network.domain,
                                           resolvers=addresses))
