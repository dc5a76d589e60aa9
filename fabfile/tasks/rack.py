"""The rack as hosts.yaml and configs/ say it: checked, shown, reached by plain ssh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit, task

if TYPE_CHECKING:
    from fabfile.rack import Rack


def the_rack() -> Rack:
    """The rack that COOP_RACK or the project names; what is wrong with it ends the task with code 2."""
    from fabfile.rack import RackProblems, load

    try:
        return load()
    except RackProblems as told:
        raise Exit(str(told), code=2) from None


@task
def check(c):
    """Read hosts.yaml and configs, tell all that is wrong."""
    rack = the_rack()
    print(f"rack {rack.name}: {len(rack.machines)} machines, all good ({rack.folder})")


@task(help={"json": "For programs."})
def show(c, json=False):
    """Show the machines, networks and versions of the rack."""
    from fabfile.screen import rack as screen

    rack = the_rack()
    print(screen.as_json(rack) if json else screen.as_text(rack))
