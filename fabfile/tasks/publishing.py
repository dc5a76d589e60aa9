"""Published names: their configuration on the gateway, and a test of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context


@task(help={
    "dry": DRY,
    "yes": YES, "json": JSON
})
def publish(c: Context, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Set up nginx for every published name, and test each."""
    from dataclasses import asdict
    from json import dumps
    from time import time

    from fabfile.facts.look import Look
    from fabfile.facts.published import parse, question
    from fabfile.finding import healthy
    from fabfile.roles.publishing import published_rows
    from fabfile.rules.examine import examine
    from fabfile.screen import findings
    from fabfile.screen.published import as_text
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.service_steps import publishing_steps
    from fabfile.tasks.steps import gateway_steps

    converge(command(), lambda rack: [*gateway_steps(rack), *publishing_steps(rack)], dry=dry, yes=yes, json=json)
    rack = the_rack()
    rows = published_rows(rack)
    seen = parse(asked_of(rack, rack.gateway, question(rows, rack.gateway.inner.name), limit=60.0 + 10 * len(rows)))
    wrong = examine(Look(rack, time(), published=seen))
    nodes = {machine.inner.mac: machine.name for machine in rack.chicks}
    if json:
        print(dumps({row.name: asdict(row) | asdict(seen[row.name]) | {"findings": findings.as_data(
            one for one in wrong if one.where == row.name)} for row in rows}, indent=1))
    else:
        print("\n" + as_text(rows, seen, nodes))
        if wrong:
            print(findings.as_text(wrong))
    if not healthy(wrong):
        raise SystemExit(3)
