"""What the world reaches, as configs/network.yaml says under `publish`: a name, who answers to it, at which
address."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Address, Part, refuse

HTTP, HTTPS = 80, 443
BY_NAME = (
    HTTP, HTTPS)  # on these ports many names can share one address; any other port goes by the address alone


def _ports(value: object) -> object:
    if not isinstance(value, list) or not value:
        raise refuse("a list of ports is expected", "such as [80, 443]")
    for port in value:
        if type(port) is not int or not 0 < port < 65536:
            raise refuse(f"{port!r} is not a port", "a number from 1 to 65535")
    if len(set(value)) < len(value):
        raise refuse("a port appears twice", "once is enough")
    return tuple(value)


class Published(Part):
    """One name that rooster hands on, byte for byte on 443 and any other port, by Host on 80."""

    address: Address = Field(examples=["10.0.1.54"])  # the service's own, one of `load_balancer`
    public: Address | None = None  # the gateway's address for it; none: the gateway's first
    ports: Annotated[tuple[int, ...], BeforeValidator(_ports)] = BY_NAME
    proxy_protocol: bool = False  # tells the service who called: the service has to expect it
