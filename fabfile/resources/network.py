"""A network interface: the file of systemd-networkd, and the live state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from shlex import quote

from . import link_owners, parts
from .base import Change, Command, Resource
from .file import File, FileFacts, undo


@dataclass(frozen=True)
class NetworkInterface(Resource):
    """Addresses ("10.0.0.1/24") and routes (destination → gateway, or "" when it is on this very wire) of one
    interface, kept in /etc/systemd/network/10-INTERFACE.network, and live.

    What is missing is put back; addresses that others add are theirs, unless they configure the link as a whole. The change
    is rolled back automatically unless a new connection comes in through it.
    """

    interface: str
    addresses: tuple[str, ...]
    gateway: str = ""
    dns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    mac: str = ""
    mtu: int = 0
    leased: str = ""  # an address that a DHCP server of the site gives, with the route outside

    @property
    def name(self) -> str:
        return f"network interface {self.interface}"

    def file(self) -> File:
        """What systemd-networkd reads."""
        sections = [("Match", [("MACAddress", self.mac)] if self.mac else [("Name", self.interface)])]
        if self.mtu:
            sections.append(("Link", [("MTUBytes", str(self.mtu))]))
        network = [("DHCP", "ipv4")] if self.leased else []
        network += [("Address", address) for address in self.addresses]
        network += [("Gateway", self.gateway)] if self.gateway else []
        network += [("DNS", server) for server in self.dns]
        network += [("Domains", " ".join(self.domains))] if self.domains else []
        sections.append(("Network", network))
        if self.leased:  # names and time are the rack's own
            sections.append(("DHCPv4", [("UseDNS", "no"), ("UseDomains", "no"), ("UseHostname", "no"), ("UseNTP", "no")]))
        for destination, via in self.routes.items():
            way = ("Gateway", via) if via else ("Scope", "link")
            sections.append(("Route", [("Destination", destination), way]))
        text = "\n".join(f"[{title}]\n" + "".join(f"{key}={value}\n" for key, value in lines)
                         for title, lines in sections)
        return File(f"/etc/systemd/network/10-{self.interface}.network", text)

    def probe(self) -> str:
        device = quote(self.interface)
        return parts.probe(f"ip -4 -o addr show dev {device} 2>/dev/null || :\n"
                           f"ip -4 route show dev {device} 2>/dev/null || :", self.file().probe(),
                           link_owners.probe(self.interface, self.file().path))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept, owners = parts.facts(facts, 3)
        addresses, routes = _live(live)
        file = self.file()
        yield from link_owners.conflicts(owners, self.interface, file.path)
        missing = [f"{self.interface} lacks the address {address}" for address in self.addresses
                   if address not in addresses]
        if self.leased and self.leased not in addresses:
            missing.append(f"{self.interface} has no lease for {self.leased}")
        missing += [f"{self.interface} lacks the route {destination}{f' via {via}' if via else ''}"
                    for destination, via in self._routes().items() if routes.get(destination) != via]
        back = [_bring_back(self.interface, addresses, routes)]
        for change in file.changes(kept, altered):
            if not change.alters:  # owner or mode alone
                yield change
                continue
            former = [undo(file.path, FileFacts(kept)), *back]
            yield Change("; ".join([change.what, *missing]), (*change.commands, self._apply()),
                         diff=change.diff, undo="\n".join(former), alters=change.alters,
                         interrupts=link_owners.lost(owners, self.interface, addresses, routes, (*self.addresses, self.leased),
                                                     {**self._ways(), **(_leased_routes(live) if self.leased else {})}))
            return
        if missing:
            yield Change("; ".join(missing), (self._apply(),), undo="\n".join(back))

    def _routes(self) -> dict[str, str]:
        """Destination → gateway, as `ip route` names them."""
        wanted = {destination.removesuffix("/32"): via for destination, via in self.routes.items()}
        return {"default": self.gateway, **wanted} if self.gateway else wanted

    def _ways(self) -> dict[str, str]:
        """The same, with what its DHCP server gives: the way out, whatever it is."""
        return {**self._routes(), **({"default": "*"} if self.leased else {})}

    def _apply(self) -> Command:
        """networkd reads its files, and is waited for until every address and route is there."""
        device = quote(self.interface)
        waits = [f"ip -4 -o addr show dev {device} | grep -qF {quote(f' inet {address} ')}"
                 for address in (*self.addresses, *filter(None, [self.leased]))]
        for destination, via in self._routes().items():
            way = f"via {via} " if via else "(proto [a-z]+ )?scope link"
            pattern = f"^{destination} {way}".replace(".", "[.]")
            waits.append(f"ip -4 route show dev {device} | grep -qE {quote(pattern)}")
        there = " && ".join(waits) or ":"
        return Command(
            "systemctl -q is-active systemd-networkd || systemctl enable --now systemd-networkd\n"
            f"networkctl reload\nnetworkctl reconfigure {device}\n"
            f"tries=0; until {there}; do\n"
            "  tries=$((tries + 1))\n"
            f"  [ $tries -lt 150 ] || {{ echo {device}' is not as it should be after 30 s:' >&2\n"
            f"    networkctl --no-pager status {device} >&2 || :; exit 1; }}\n  sleep 0.2\ndone",
            shown=f"networkctl reconfigure {self.interface}",
        )


def _live(facts: str) -> tuple[list[str], dict[str, str]]:
    """The addresses, and destination → gateway of the routes, from what `ip` printed."""
    addresses: list[str] = []
    routes: dict[str, str] = {}
    for line in facts.split("\n"):
        words = line.split()
        if "inet" in words[:4]:
            addresses.append(words[words.index("inet") + 1])
        elif words and "kernel" not in words:  # the kernel's own routes come and go with the addresses
            routes.setdefault(words[0], words[2] if words[1:2] == ["via"] else "")
    return addresses, routes


def _leased_routes(facts: str) -> dict[str, str]:
    """Those that a DHCP server gave: it gives them again."""
    return _live("\n".join(line for line in facts.split("\n") if " proto dhcp" in line))[1]


def _bring_back(interface: str, addresses: list[str], routes: dict[str, str]) -> str:
    """Shell text: networkd goes back to the previous file, and what it does not know of is set by hand."""
    device = quote(interface)
    lines = [f"networkctl reload; networkctl reconfigure {device}; sleep 2"]
    lines += [f"ip addr replace {quote(address)} dev {device}" for address in addresses]
    for destination, via in sorted(routes.items(), key=lambda route: bool(route[1])):
        way = f"via {quote(via)} " if via else ""
        lines.append(f"ip -4 route show exact {quote(destination)} {way}dev {device} | grep -q . || "
                     f"ip route replace {quote(destination)} {way}dev {device}")
    return "\n".join(lines)
