"""What rooster's firewall lets in beside what the rack itself needs, as configs/network.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Fixed, InterfaceName, Network, Part, Sorted, pattern, several

Port = Annotated[str, pattern(
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])/(tcp|udp)",
    "a port with its protocol", "such as 9100/tcp")]
Interfaces = Annotated[tuple[InterfaceName, ...], BeforeValidator(several)]


class Firewall(Part):
    """Interfaces and sources that are let in to rooster, besides ssh, ping and what is published."""

    interfaces: Interfaces = ()  # all of rooster is open to what comes in by them: a VPN's
    forward: Interfaces = ()  # what is behind them reaches the machines, and is reached
    allow: Annotated[Mapping[Port, Annotated[tuple[Network, ...], BeforeValidator(several)]], Sorted, Fixed] = Field(
        default_factory=dict, validate_default=True)
    ping: bool = True
