"""Nodes that lose their pods for a while: cordoned, waited for where it was said, drained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource


def emptied(batch: tuple[Machine, ...], is_to_do: Callable[[Machine], bool], force: bool, wait: int,
            rack: Rack, leader: Machine) -> Iterator[Resource]:
    """On the leader: those nodes of the batch that work is to be done on. `wait`: seconds for users' servers to end."""
    from fabfile.resources import Cordoned, Drained, ServersEnded

    for machine in filter(is_to_do, batch):
        yield Cordoned(machine.name)
        if wait:
            yield ServersEnded(machine.name, wait)
        yield Drained(machine.name, force)
