"""What machines are served ready made: built on rooster, before any machine needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

DRY = "Dry run: show the changes, make none; exit 3 if there are any."
JSON = "Print JSON."
MINUTES = 30  # that a build may take


@task(help={"dry": DRY, "json": JSON})
def build(c: Context, dry: bool = False, json: bool = False) -> None:
    """Build the environment that machines run in RAM, on rooster.

    rack.scan --netboot, node.rescue, node.wipe and node.burn-in use it. Build
    it again when they say that it is not there, and for a newer kernel.
    """
    from dataclasses import replace

    from fabfile.engine.step import Step
    from fabfile.resources import Packages
    from fabfile.resources.action import Action
    from fabfile.roles import environment
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    if rack.install is None:
        raise Exit("there is no configs/install.yaml, so rooster boots no machine: docs/install.md says what is in it", code=2)

    def role(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield Packages(environment.NEEDS)
        yield Action("build the environment", environment.build(rack), long=True, limit=MINUTES * 60.0)

    steps = [Step("build the environment", (rack.gateway,), role)]
    converge(command(), lambda rack: steps, dry=dry, json=json, rack=replace(rack, leading=rack.leader.name))
