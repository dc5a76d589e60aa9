"""rooster as the rack's cache of packages and images, as configs/network.yaml says under `cache`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from fabfile.rack.values import DomainName, Part, pattern, several, unprivileged

Size = Annotated[str, pattern(r"[1-9][0-9]*[MG]", "a size", "a number with M or G, such as 50G")]
Mirror = Annotated[str, pattern(
    r"http://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)+/?", "the http address of a Debian mirror",
    "such as http://ftp.us.debian.org/debian; what comes by https cannot be cached, and apt checks signatures either way")]


class Cache(Part):
    """What rooster keeps of all that its machines fetch from outside."""

    size: Size = "50G"  # then what was not used for longest is removed
    port: Annotated[int, unprivileged("a port for the cache")] = 8081  # of rooster, for the node network alone
    debian: Annotated[tuple[Mirror, ...], BeforeValidator(several)] | None = None  # none: those of configs/install.yaml
    registries: Annotated[tuple[DomainName, ...], BeforeValidator(several)] = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")
