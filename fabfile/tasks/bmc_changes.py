"""What a BMC is had to do, as a run on rooster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.rack import Rack
    from fabfile.resources import Resource


def change(rack: Rack, step: str, resource: Resource, *, dry: bool = False, yes: bool = False, json: bool = False,
           patience: float = 0.0) -> None:
    """Has a BMC do something, by a run of one step on rooster. The cluster is not asked: it may be what is off. `patience`: seconds
    to wait for the rack's lock."""
    from dataclasses import replace

    from fabfile.engine.step import Step
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge

    steps = [Step(step, (rack.gateway,), lambda rack, _: [resource])]
    converge(command(), lambda rack: steps, dry=dry, yes=yes, json=json, rack=replace(rack, leading=rack.leader.name),
             patience=patience)
