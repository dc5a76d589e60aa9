"""The machines of a rack, as hosts.yaml names them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, PrivateAttr

from fabfile.rack.bmc import Bmc, with_address
from fabfile.rack.gpu import PRESENT, TAINT, Gpu
from fabfile.rack.hardware import Hardware
from fabfile.rack.node_labels import LabelKey, LabelValue, Taint
from fabfile.rack.spelling import did_you_mean
from fabfile.rack.values import (
    Address,
    AddressInNetwork,
    DiskPath,
    Fixed,
    HostKey,
    InterfaceName,
    Label,
    Mac,
    Part,
    Sorted,
    Tree,
    port,
    refuse,
)

Role = Literal["gateway", "control-plane", "worker", "storage"]


ROLES = get_args(Role)


def _roles(value: object) -> object:
    if not isinstance(value, list) or not value:
        raise refuse("a list of roles is expected", ", ".join(ROLES))
    for role in value:
        if role not in ROLES:
            raise refuse(f"{role!r} is not a role", did_you_mean(str(role), ROLES))
    return frozenset(value)


def _taints(value: object) -> object:
    if not isinstance(value, list):
        raise refuse("a list of taints is expected", "- {key: nvidia.com/gpu, value: present, effect: NoSchedule}")
    return tuple(value)


class Interface(Part):
    """One network interface: its name on the machine, its MAC, and its address if it has one."""

    mac: Mac = Field(examples=['"00:25:90:51:cf:1c"'])
    address: AddressInNetwork | None = None
    gateway: Address | None = None  # the next hop of the machine's default route
    dhcp: bool = False  # a DHCP server of the site gives the address, and the route outside: of the gateway's outer interface alone
    _name: str = PrivateAttr("")
    _network: str | None = PrivateAttr(None)

    @property
    def name(self) -> str:
        """As `ip link` shows it: enp1s0."""
        return self._name

    @property
    def network(self) -> str | None:
        """The rack's network that the address lies in: "public" or "node"."""
        return self._network


class Machine(Part):
    """One entry of hosts.yaml: rooster, a chick, or hen."""

    roles: Annotated[frozenset[Role], BeforeValidator(_roles), Field(examples=["[worker]"])]
    interfaces: Annotated[Mapping[InterfaceName, Interface], Fixed]
    disks: Annotated[Mapping[str, DiskPath], Fixed] = Field(default_factory=dict, validate_default=True)
    hardware: Hardware = Field(default_factory=Hardware)
    install: Label | None = None  # a system of install.yaml; none: its default
    bmc: Annotated[Bmc | None, BeforeValidator(with_address)] = None
    ssh_port: Annotated[int, port("a port of sshd")] = 22
    expect: Literal["on", "off"] = "on"  # off: in repair, say; every task leaves the machine out, and none misses it
    host_key: HostKey | None = None
    labels: Annotated[Mapping[LabelKey, LabelValue], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)
    taints: Annotated[tuple[Taint, ...], BeforeValidator(_taints)] = ()
    gpu: Gpu | None = None
    KubeletConfiguration: Tree  # this machine's alone, above cluster.yaml's
    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        return self._name

    @property
    def expected_off(self) -> bool:
        """Whether it is meant to be off."""
        return self.expect == "off"

    @property
    def node_labels(self) -> Mapping[str, str]:
        """All labels that Coop sets on its node."""
        return {**self.labels, PRESENT: "true"} if self.gpu else self.labels

    @property
    def node_taints(self) -> tuple[Taint, ...]:
        """All taints that Coop sets on its node, beside kubeadm's own."""
        return (*self.taints, TAINT) if self.gpu else self.taints

    def interface(self, network: str = "node") -> Interface:
        """The interface in one of the rack's networks, "node" or "public". Raises LookupError."""
        for interface in self.interfaces.values():
            if interface.network == network:
                return interface
        raise LookupError(f"{self.name} has no address in the {network} network")

    def address(self, network: str = "node") -> IPv4Address:
        """The machine's address in a network. Raises LookupError."""
        address = self.interface(network).address
        assert address is not None  # an interface is placed in a network by its address
        return address.ip

    @property
    def is_member(self) -> bool:
        """Whether it belongs to the cluster."""
        return bool(self.roles & {"control-plane", "worker"})

    @property
    def inner(self) -> Interface:
        """The interface towards the rack's machines."""
        return self.interface("node")

    @property
    def outer(self) -> Interface:
        """The gateway's interface towards the world."""
        return self.interface("public")

