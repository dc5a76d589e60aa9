"""Organisations: their namespaces, addresses, ways out and hubs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.rack import Rack

STEPS = ("gateway", "publishing", "helm", "pod network", "organisations", "exports", "homes", "manifests", "prune releases",
         "prune objects")


@task(help={
    "remove": "Approve deleting these organisations, by name (comma-separated).",
    "dry": DRY, "yes": YES, "json": JSON,
})
def apply(c: Context, remove: str = "", dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Apply configs/organisations.yaml, each with its hub.

    An organisation that is no longer in the file is deleted, with its hub and
    its volumes, only after you type its name.
    """
    from functools import partial

    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    typed = [name.strip() for name in remove.split(",") if name.strip()]
    if there := [name for name in typed if name in rack.organisations]:
        raise Exit(f"--remove: {', '.join(there)} is in configs/organisations.yaml: delete it there first", code=2)
    converge(command(), partial(organisation_steps, dry=dry), dry=dry, yes=yes, json=json, typed=typed)


def organisation_steps(rack: Rack, dry: bool = False) -> list[Step]:
    """Of the whole rack's steps, those that an organisation has a part in."""
    from fabfile.tasks.service_steps import whole_rack_steps

    wanted = {*STEPS, *(name for name, one in rack.organisations.items() if one.service)}
    return [step for step in whole_rack_steps(rack, dry=dry) if step.name in wanted]
