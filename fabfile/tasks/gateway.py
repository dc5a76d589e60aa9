"""The gateway: its configuration, and its DHCP leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.publishing import publish  # noqa: F401  a task of this collection
from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context


@task(help={
    "dry": "Dry run: show the changes, make none; exit 3 if there are any.",
    "yes": "Approve changes that interrupt something, without asking.",
    "json": "Print JSON.",
})
def apply(c: Context, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Apply hosts.yaml and configs/ to the gateway alone."""
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.steps import gateway_steps

    converge(command(), gateway_steps, dry=dry, yes=yes, json=json)


@task(help={"json": "Print JSON."})
def leases(c: Context, json: bool = False) -> None:
    """List DHCP leases, and clients that got no address."""
    from fabfile.facts.dhcp import QUESTION, parse
    from fabfile.screen import dhcp as screen
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    machines = {interface.mac: machine.name for machine in rack.machines.values()
                for interface in machine.interfaces.values()}
    clients = parse(asked_of(rack, rack.gateway, QUESTION), machines)
    print(screen.as_json(clients) if json else screen.as_text(clients))
