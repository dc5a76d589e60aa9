"""A step: one named stage of a task over one or more machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabfile.resources.base import Check, Resource

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack


@dataclass(frozen=True)
class Step:
    """What some machines should have, and what must then be true.

    `role` is a pure function, called once a run for every machine. `verify` is asked only when the
    step changed something, again and again until it holds; a later run asks it when this one did not come to
    that. `serial`: one machine after another, and no further once one of them has failed (control-plane
    members, reboots, upgrades).
    """

    name: str
    machines: tuple[Machine, ...]
    role: Callable[[Rack, Machine], Iterable[Resource]]
    verify: Callable[[Rack], Iterable[Check]] | None = None
    serial: bool = False
