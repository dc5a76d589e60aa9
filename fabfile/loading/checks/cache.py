"""What network.yaml says of the cache, beside what else rooster does."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import NETWORK


def the_port_is_free(draft: Draft) -> Iterator[Wrong]:
    """nginx that forwards published names listens at every address of the gateway."""
    if not draft.network.cache:
        return
    port, at = draft.network.cache.port, ("cache", "port")
    for name, row in (draft.network.publish or {}).items():
        if port in row.ports:
            yield Wrong(NETWORK, at, f"{name} is published on port {port}, at every address of the gateway",
                        "take another port for the cache")
    if draft.install and port == draft.install.port:
        yield Wrong(NETWORK, at, f"machines are booted from port {port}", "take another port for the cache")


def one_way_out(draft: Draft) -> Iterator[Wrong]:
    """rooster's cache asks the sites outside itself."""
    if draft.network.cache and draft.network.proxy:
        yield Wrong(NETWORK, ("proxy",), "rooster's cache does not go through a proxy", "leave one of `cache` and `proxy` out")


ALL = (the_port_is_free, one_way_out)
