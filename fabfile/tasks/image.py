"""What machines are served ready made: built on rooster, before any machine needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import DRY, JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

MINUTES = 30  # that a build may take


@task(help={
    "system": "Of install.yaml: its image; without it, the environment in RAM.",
    "dry": DRY, "json": JSON,
})
def build(c: Context, system: str = "", dry: bool = False, json: bool = False) -> None:
    """Build the system for netboot in RAM, or a disk image.

    Machines boot the environment by the network for rack.scan --netboot,
    node.rescue, node.wipe, node.burn-in, and node.install --image, which writes
    a disk image. Build again when it is missing, and for newer packages.
    """
    from dataclasses import replace

    from fabfile.engine.step import Step
    from fabfile.resources import Packages
    from fabfile.resources.action import Action
    from fabfile.roles import environment, image
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.ordering import boots_machines
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    boots_machines(rack)
    assert rack.install is not None
    if system and system not in rack.install.systems:
        raise Exit(f"{system} is no system of configs/install.yaml: {', '.join(rack.install.systems)}", code=2)
    what, needs, script = (f"build the image {system}", image.NEEDS, image.build(rack, system)) if system else (
        "build the environment", environment.NEEDS, environment.build(rack))

    def role(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield Packages(needs)
        yield Action(what, script, long=True, limit=MINUTES * 60.0)

    steps = [Step(what, (rack.gateway,), role)]
    converge(command(), lambda rack: steps, dry=dry, json=json, rack=replace(rack, leading=rack.leader.name))
