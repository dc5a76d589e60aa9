"""What a machine of the lab is: its name and its network ports. Plain values, also as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

INNER = IPv4Network("10.0.0.0/24")  # the rack's own network; what is on none of these two leads to the lab's internet
MANAGEMENT = IPv4Network("192.168.0.0/24")  # of the BMCs
CAMPUS_RESOLVER = "128.120.136.129"


@dataclass(frozen=True)
class Port:
    """A network card."""

    name: str  # as the machine's kernel calls it: enp1s0
    mac: str
    address: str  # 10.0.0.100/24
    gateway: str | None = None

    @property
    def bridge(self) -> str:
        """The switch it is plugged into: "inner", "management" or "outer"."""
        address = IPv4Interface(self.address).ip
        return "inner" if address in INNER else "management" if address in MANAGEMENT else "outer"

    @property
    def host(self) -> str:
        return str(IPv4Interface(self.address).ip)


@dataclass(frozen=True)
class Machine:
    """One system container."""

    name: str
    ports: tuple[Port, ...]

    @classmethod
    def read(cls, name: str, entry: dict[str, Any]) -> Machine:
        """A machine from its entry in hosts.yaml."""
        return cls(name, tuple(
            Port(port, card["mac"].lower(), card["address"], card.get("gateway"))
            for port, card in entry["interfaces"].items()
        ))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Machine:
        return cls(value["name"], tuple(Port(**port) for port in value["ports"]))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def address(self) -> str:
        """Where it is best reached: its first address towards the internet, or its only one."""
        return min(self.ports, key=lambda port: port.bridge != "outer").host

    @property
    def default_route(self) -> str:
        """Its gateway: the one written for a port, else the rack's own."""
        return next((port.gateway for port in self.ports if port.gateway), str(INNER[1]))

    @property
    def resolver(self) -> str:
        """The resolvers that an installer configured: rooster, or those that rooster itself asks."""
        return CAMPUS_RESOLVER if any(port.bridge == "outer" for port in self.ports) else str(INNER[1])
