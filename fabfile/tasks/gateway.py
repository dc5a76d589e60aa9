"""The gateway: its configuration, and its DHCP leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.publishing import publish  # noqa: F401  a task of this collection
from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context


@task(help={
    "dry": DRY,
    "yes": YES,
    "json": JSON,
})
def apply(c: Context, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Apply hosts.yaml and configs/ to the gateway alone."""
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.steps import gateway_steps

    converge(command(), gateway_steps, dry=dry, yes=yes, json=json)


@task(help={
    "security": "Only updates that close security holes.",
    "dry": DRY,
    "yes": YES,
    "json": JSON,
})
def update(c: Context, security: bool = False, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Update the packages of the gateway; roll back on failure.

    If it does not serve the rack afterwards, or no new connection can be
    opened, the former packages are installed again. It is not rebooted.
    """
    from functools import partial

    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.updating import gateway_update_steps

    converge(command(), partial(gateway_update_steps, security=security), dry=dry, yes=yes, json=json)


@task(help={"json": JSON})
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


@task(help={"disarm": "Withdraw the order of this machine: it boots its disk again.", "json": JSON})
def netboot(c: Context, disarm: str | None = None, json: bool = False) -> None:
    """List pending netboots, installations, and unknown MACs.

    Pending (armed): the machine's next netboot starts the installer or the
    environment in RAM, not the disk. node.install, node.rescue, node.wipe,
    node.burn-in and rack.scan arm a machine.
    """
    from fabfile.facts import dhcp
    from fabfile.facts.netboot import parse, question
    from fabfile.roles.arming import withdraw
    from fabfile.screen import netboot as screen
    from fabfile.tasks.actions import act
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import exit_on_error, the_rack

    rack = the_rack()
    if disarm:
        with exit_on_error():
            machine = rack.machine(disarm)
        act(rack, rack.gateway, f"disarm {disarm}", withdraw(machine))
        return
    addresses = {machine.name: str(machine.address()) for machine in rack.machines.values() if machine is not rack.gateway}
    macs = {interface.mac: machine.name for machine in rack.machines.values() for interface in machine.interfaces.values()}
    answer = asked_of(rack, rack.gateway, f"{question()}\necho '#dhcp'\n{dhcp.QUESTION}")
    boots, _, leases = answer.partition("#dhcp\n")
    strangers = [client for client in dhcp.parse(leases, macs) if not client.known]
    found = parse(boots)
    print(screen.as_json(found, addresses, strangers) if json else screen.as_text(found, addresses, strangers))
