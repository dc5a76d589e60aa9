"""A site's proxy, as configs/network.yaml says under `proxy`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Part, pattern, several

ProxyUrl = Annotated[str, pattern(
    r"https?://([A-Za-z0-9._~%-]+(:[A-Za-z0-9._~%-]*)?@)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/?",
    "a proxy's address", "such as http://proxy.campus.example:3128")]
Direct = Annotated[str, pattern(
    r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(/[0-9]{1,2})?",
    "a name, an address or a network", "such as .campus.example, or 10.1.0.0/16")]


class Proxy(Part):
    """How machines reach what is outside, where nothing else leads there."""

    url: ProxyUrl = Field(examples=["http://proxy.campus.example:3128"])
    direct: Annotated[tuple[Direct, ...], BeforeValidator(several)] = ()  # beside all that is the rack's own
