"""The file server's promises, tried on it and on its clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.facts.storage_proof import Homes
    from fabfile.rack import Machine, Rack
    from fabfile.resources.action import Action

LIMIT = 900.0  # seconds on one machine


@task
def prove(c: Context) -> None:
    """Try what the file server promises: quota, snapshot, mail.

    It makes two folders and a snapshot of its own and removes them, sends one
    mail, and mounts each export on each of its clients for a moment.
    """
    from invoke import Exit

    from fabfile.engine.step import Step
    from fabfile.facts.storage_proof import parse
    from fabfile.roles.file_server import clients_of, exported
    from fabfile.screen.file_server import proofs_as_text
    from fabfile.tasks.actions import perform
    from fabfile.tasks.storage import a_rack_with_pools

    rack = a_rack_with_pools()
    servers = rack.file_servers
    wanted = {path: frozenset(str(client.address()) for client in clients_of(rack, path))
              for machine in servers for path in exported(rack, machine)}
    clients = tuple(machine for machine in rack.chicks if machine.host_key and not machine.expected_off
                    and any(machine in clients_of(rack, path) for path in wanted))
    result = perform(rack, [Step("prove", servers, lambda rack, machine: [of_server(rack, machine)]),
                            Step("prove mounts", clients, of_client, needs=())],
                     format_output=lambda said: proofs_as_text(parse(said, wanted)))
    if any(one.state == "broken" for one in parse(result.said, wanted)):
        raise Exit(code=3)


def of_server(rack: Rack, machine: Machine) -> Action:
    """What is tried on the file server itself."""
    from fabfile.facts.storage_proof import question
    from fabfile.resources.action import Action
    from fabfile.roles.file_server import exported

    assert rack.storage_classes is not None
    mail = str(rack.storage_classes.zed.get("ZED_EMAIL_ADDR", ""))
    return Action(f"prove {machine.name}", question(exported(rack, machine), homes_on(rack, machine), mail), long=True, limit=LIMIT)


def of_client(rack: Rack, machine: Machine) -> Iterator[Action]:
    """The same for each export that a client may mount."""
    from fabfile.facts.storage_proof import client_question
    from fabfile.resources.action import Action
    from fabfile.roles.file_server import clients_of, exported
    from fabfile.roles.pools import owner

    for server in rack.file_servers:
        for path in exported(rack, server):
            if machine in clients_of(rack, path):
                script = client_question(machine.name, str(server.address()), path, owner(rack, path))
                yield Action(f"prove {path} on {machine.name}", script, long=True, limit=LIMIT)


def homes_on(rack: Rack, machine: Machine) -> Homes | None:
    """Where a home would be made on this file server; None where it has none, or where there is no hub."""
    from fabfile.facts.storage_proof import Homes
    from fabfile.rack.pools import size_in_bytes
    from fabfile.roles.homes_quota import homes_of, namespaces
    from fabfile.roles.pools import owner, pools_of

    homes, hubs = homes_of(rack), namespaces(rack)
    if homes is None or not hubs or homes.path.split("/")[1] not in dict(pools_of(rack, machine)):
        return None
    return Homes(homes.path.lstrip("/"), hubs[0], size_in_bytes(homes.quota), owner(rack, homes.path) or "0:0")
