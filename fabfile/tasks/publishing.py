"""Published names: their configuration on the gateway, and a test of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context


@task(help={
    "dry": "Dry run: show the changes, make none; exit 3 if there are any.",
    "yes": "Approve changes that interrupt something, without asking.", "json": "Print JSON."
})
def publish(c: Context, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Set up nginx on the gateway for every name, and test each."""
    from dataclasses import asdict
    from json import dumps

    from fabfile.facts.published import Row, parse, question
    from fabfile.roles.publishing import public_address
    from fabfile.screen.published import as_text
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.service_steps import publishing_steps
    from fabfile.tasks.steps import gateway_steps

    converge(command(), lambda rack: [*gateway_steps(rack), *publishing_steps(rack)], dry=dry, yes=yes, json=json)
    rack = the_rack()
    rows = [
        Row(name, public_address(rack, row), str(row.address), row.ports)
        for name, row in rack.network.publish.items()
    ]
    found = parse(
        asked_of(rack, rack.gateway, question(rows, rack.gateway.inner.name), limit=60.0 + 40 * len(rows)))
    nodes = {machine.inner.mac: machine.name for machine in rack.chicks}
    if json:
        print(
            dumps(
                {
                    row.name: asdict(row) | asdict(found[row.name]) | {"good": found[row.name].good}
                    for row in rows
                }, indent=1))
    else:
        print("\n" + as_text(rows, found, nodes))
    if not all(one.good for one in found.values()):
        raise SystemExit(3)
