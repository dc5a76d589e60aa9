"""The doctor: one look at everything, and what is wrong, by harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context


@task(help={"bundle": "Also write a .tar.gz for a helper here; secrets are masked.", "json": JSON})
def doctor(c: Context, bundle: bool = False, json: bool = False) -> None:
    """Find what is wrong with the rack, and how to fix it.

    Asks all machines in parallel and changes nothing. Prints nothing on a
    healthy rack; exits with 3 if something is wrong.
    """
    import sys
    from json import dumps

    from fabfile.finding import healthy
    from fabfile.rules.examine import examine
    from fabfile.screen import findings
    from fabfile.screen.table import WIDTH
    from fabfile.tasks.bundle import LOGS, write
    from fabfile.tasks.leader import connected
    from fabfile.tasks.looking import look
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    with connected(rack) as ways:
        seen, answers = look(rack, ways, LOGS if bundle else "")
    found = examine(seen)
    data = dumps({"rack": rack.name, "healthy": healthy(found), "findings": findings.as_data(found)}, indent=2)
    if bundle:
        print(f"written: {write(rack, answers, data, seen.now)}", file=sys.stderr)
    if json:
        print(data)
    elif found:
        print(findings.as_text(found, WIDTH))
    if not healthy(found):
        raise SystemExit(3)
