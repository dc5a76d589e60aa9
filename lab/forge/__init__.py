"""The forge builds what the lab's internet publishes, from package registries only.

    site = forge.build(cache, tell)    # ten minutes on a new computer, no second ever after

Everything is a `Part`: a name, the parts and files it is made from, and a recipe. A part's folder in the
cache is named by a hash of all of these, so nothing is built twice and nothing stale is ever used.
"""
from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lab.forge.event import Event, ForgeError

if TYPE_CHECKING:
    from lab.forge.site import Site

__all__ = ["Event", "ForgeError", "build"]


def build(cache: Path, tell: Callable[[Event], None], extras: Collection[str] = ()) -> Site:
    """Build whatever `cache` lacks, telling each part's progress, and return where everything lies.

    `extras` are names of site.EXTRAS, which are built only when asked for.

    Raises ForgeError, naming the part and the last lines of its log, if a recipe fails.
    """
    from lab.forge.order import make
    from lab.forge.site import found_in, site

    whole = site(extras)
    return found_in(make(whole, cache, tell), whole)
