"""rooster: brought to what hosts.yaml says, and asked who is on the wire."""

from __future__ import annotations

from fabfile.tasks.publishing import publish  # noqa: F401  a task of this collection
from fabfile.tasks.teaching import task


@task(help={
    "dry": "Show what would change, change nothing; exit 3 when something would.",
    "yes": "Agree to what the plan interrupts.",
    "json": "Print JSON.",
})
def apply(c, dry=False, yes=False, json=False):
    """Bring rooster to what hosts.yaml says."""
    from fabfile.tasks.converge import converge
    from fabfile.tasks.steps import gateway_steps
    from fabfile.tasks.typed import command

    converge(c, command(), gateway_steps, dry=dry, yes=yes, json=json)


@task(help={"json": "Print JSON."})
def leases(c, json=False):
    """List who has an address from rooster, who was refused."""
    from fabfile.facts.dhcp import QUESTION, parse
    from fabfile.screen import dhcp as screen
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    machines = {interface.mac: machine.name for machine in rack.machines.values()
                for interface in machine.interfaces.values()}
    clients = parse(asked_of(rack, rack.gateway, QUESTION), machines)
    print(screen.as_json(clients) if json else screen.as_text(clients))
