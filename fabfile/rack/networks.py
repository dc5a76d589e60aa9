"""The networks of a rack, as configs/network.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.cache import Cache
from fabfile.rack.firewall import Firewall
from fabfile.rack.proxy import Proxy
from fabfile.rack.publishing import Published
from fabfile.rack.values import Address, DomainName, Duration, Fixed, HostName, Network, Part, PublishedName, Sorted, Url, refuse, several


def _pair(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        raise refuse("first and last address are expected", "such as [10.0.0.3, 10.0.0.99]")
    return tuple(value)


def _given(value: object) -> object:
    if value is None:
        raise refuse("nothing is said of the cache", "cache: {} takes the defaults; without the key there is none")
    return value


class Dhcp(Part):
    """What rooster's DHCP server gives: reservations for the rack's MACs, and a range only if said."""

    range: Annotated[tuple[Address, Address], BeforeValidator(_pair)] | None = None
    lease: Duration = "12h"


class NetworkPlan(Part):
    """Every network of the rack, and the names and time it takes from outside."""

    domain: DomainName = Field(examples=["flock.lan"])
    public: Network = Field(examples=["128.120.136.0/24"])
    node: Network = Field(examples=["10.0.0.0/24"])
    pod: Network = Field(examples=["10.244.0.0/16"])
    service: Network = Field(examples=["10.96.0.0/12"])
    load_balancer: Annotated[tuple[Network, ...], BeforeValidator(several)] = ()
    publish: Annotated[Mapping[PublishedName, Published], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)
    dhcp: Dhcp = Field(default_factory=Dhcp)
    firewall: Firewall = Field(default_factory=Firewall)
    cache: Annotated[Cache | None, BeforeValidator(_given)] = None
    proxy: Proxy | None = None
    dns: Annotated[tuple[Address, ...], BeforeValidator(several)] = Field(examples=["[128.120.136.129]"])
    time: Annotated[tuple[HostName, ...], BeforeValidator(several)] = Field(
        examples=["[2.debian.pool.ntp.org]"])
    internet_check: Url = "https://registry.k8s.io/"  # a page that pods ask for, from every node, as a proof
