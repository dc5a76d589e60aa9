"""The journal of this computer: every run, its user and its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context


@task(help={"json": JSON, "count": "Number of runs, newest first."})
def list(c: Context, count: int = 20, json: bool = False) -> None:
    """List the newest runs that this computer started."""
    from itertools import islice

    from fabfile.engine.journal import kept
    from fabfile.screen import runs as screen
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    found = [*islice(kept(rack.name), count)]
    print(screen.list_as_json(found) if json else screen.list_as_text(found, str(rack.folder)))


@task(help={"run": "Its name, or how the name begins or ends, or \"last\".", "json": JSON})
def show(c: Context, run: str, json: bool = False) -> None:
    """Show one run: its steps, changes, commands and times."""
    from fabfile.engine.errors import WrongUsage
    from fabfile.engine.journal import find
    from fabfile.screen import runs as screen
    from fabfile.tasks.rack import the_rack

    try:
        rack = the_rack()
        found = find(rack.name, run, rack.folder)
    except WrongUsage as error:
        raise Exit(str(error), code=2) from None
    print(screen.run_as_json(found) if json else screen.run_as_text(found))
