"""rooster: the rack's router, with DNS, DHCP and time."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.organisations import PRIVATE
from fabfile.resources import (
    Check,
    DnsmasqFiles,
    File,
    FormerLeases,
    FreePorts,
    NetworkInterface,
    Nftables,
    NoOtherFilter,
    Packaged,
    Packages,
    Resource,
    SupportedSystem,
    Sysctls,
    Unit,
)
from fabfile.resources.installation import BOOT
from fabfile.roles.cache import cache, internet_reached
from fabfile.roles.metrics import exporters_answer, metrics
from fabfile.roles.names import own_name, resolvers
from fabfile.roles.netboot import netboot, netboot_answers
from fabfile.roles.pod_routes import pod_routes
from fabfile.roles.programs import TIMESYNCD
from fabfile.roles.proxy import proxied
from fabfile.roles.publishing import doors, more_addresses
from fabfile.roles.rendering import render
from fabfile.roles.sshd import sshd

DNSMASQ = "/etc/dnsmasq.d/rack.conf"
CHRONY = "/etc/chrony/chrony.conf"
DROP_INS = ("/etc/chrony/conf.d/*.conf", "/etc/chrony/sources.d/*.sources")  # which the package's own file reads


def gateway(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """Everything rooster does for the rack."""
    yield SupportedSystem()
    yield FreePorts({"53/tcp": "dnsmasq", "53/udp": "dnsmasq", "67/udp": "dnsmasq"}, ("dnsmasq",), (str(machine.address()),))
    yield Packaged(("kubectl",), ("chrony", "dnsmasq", "nftables", "nginx"))
    yield from own_name(rack, machine)
    yield sshd()
    yield from _addresses(rack, machine)
    yield from proxied(rack)
    yield Packages({"ca-certificates": None, "chrony": None, "curl": None, "dnsmasq": None, "nftables": None,
                    "openssl": None, **({"ipmitool": None} if _by_ipmi(rack) else {}),
                    **({"iputils-arping": None} if rack.cluster.keepalived else {})}, replace=TIMESYNCD)
    yield from _firewall(rack, machine)
    yield from netboot(rack)
    yield from _names_and_addresses_of_others(rack, machine)
    yield from _time(rack)
    yield from cache(rack)
    yield from pod_routes(rack)
    yield from metrics(rack, machine)


def _by_ipmi(rack: Rack) -> bool:
    return any(machine.bmc and "ipmi" in (machine.bmc.protocol, machine.bmc.console) for machine in rack.machines.values())


def _addresses(rack: Rack, machine: Machine) -> Iterator[Resource]:
    outer, inner = machine.outer, machine.inner
    own = () if outer.dhcp else (str(outer.address),)
    yield NetworkInterface(outer.name, (*own, *more_addresses(rack)), gateway=str(outer.gateway or ""),
                           leased=str(outer.address) if outer.dhcp else "")
    # services' addresses lie outside the node network: only a route tells rooster that they are on this wire
    yield NetworkInterface(inner.name, (str(inner.address),),
                           routes={str(network): "" for network in rack.balanced})


def _firewall(rack: Rack, machine: Machine) -> Iterator[Resource]:
    yield Sysctls("rack-gateway", {"net.ipv4.ip_forward": "1"})
    public = {port for door in doors(rack) for port in door.ports} | {machine.ssh_port}
    asked = ("53/udp", "67/udp", "123/udp", *(("179/tcp",) if rack.organisations else ()))
    yield NoOtherFilter(machine.inner.name, str(rack.network.node), asked, machine.outer.name,
                        tuple(f"{port}/tcp" for port in sorted(public)))
    yield Nftables(render("rooster/etc/nftables.conf",
                          outer=machine.outer, inner=machine.inner, network=rack.network, firewall=rack.network.firewall,
                          doors=doors(rack), ssh_port=machine.ssh_port, boot_port=rack.install.port if rack.install else 0,
                          cache_port=rack.network.cache.port if rack.network.cache else 0,
                          organisations=tuple(rack.organisations.values()), private=PRIVATE),
                   own=("chronyd", "dnsmasq", "nginx"))
    yield Unit("nftables")


def _names_and_addresses_of_others(rack: Rack, machine: Machine) -> Iterator[Resource]:
    reserved, inner = [other for other in rack.by_address if other is not machine], machine.inner
    yield File(DNSMASQ, render("rooster/etc/dnsmasq.d/rack.conf", inner=inner, network=rack.network,
                               reserved=reserved, boot=BOOT if rack.install else "",
                               port=rack.install.port if rack.install else 0), check="dnsmasq --test --conf-file={}")
    yield DnsmasqFiles(DNSMASQ, inner.name, {other.inner.mac: str(other.address()) for other in reserved})
    yield FormerLeases({str(other.address()): other.inner.mac for other in reserved})
    yield Unit("dnsmasq", watches=(DNSMASQ, "/etc/hosts"))
    # rooster asks itself first; its own upstream keeps it going when dnsmasq is down
    yield from resolvers(rack, ("127.0.0.1", *rack.network.dns[:2]))


def _time(rack: Rack) -> Iterator[Resource]:
    yield File(CHRONY, render("rooster/etc/chrony/chrony.conf", network=rack.network),
               check="chronyd -p -f {}", asks=True, unread=DROP_INS)
    yield Unit("chrony", watches=(CHRONY,))


def gateway_serves(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """rooster knows the rack's names and reaches the repositories outside."""
    name = f"{rack.leader.name}.{rack.network.domain}"
    yield Check(f"{rack.gateway.name} resolves the rack's names", rack.gateway.name,
                f"getent -s hosts:dns hosts {name} || {{ echo 'no answer for {name}'; exit 1; }}")
    yield internet_reached(rack)
    yield from netboot_answers(rack)
    yield from exporters_answer(rack, machines)
