"""The file server: its pools, disks and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.facts.file_server import FileServer, Wanted
    from fabfile.rack import Machine, Rack

DRY = "Dry run: show the changes, make none; exit 3 if there are any."
JSON = "Print JSON."


@task(help={
    "create": "Approve that these pools are created, by name (comma-separated).",
    "dry": DRY, "yes": "Approve changes that interrupt something, without asking.", "json": JSON,
})
def apply(c: Context, create: str = "", dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Apply hosts.yaml and configs/ to the file server.

    A pool is created only on empty disks, and only when somebody types its
    name. The vdevs of one that exists are never changed.
    """
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.service_steps import file_server_steps
    from fabfile.tasks.steps import gateway_steps

    rack = a_rack_with_pools()
    typed = [name.strip() for name in create.split(",") if name.strip()]
    assert rack.storage_classes is not None
    if unknown := [name for name in typed if name not in rack.storage_classes.pools]:
        raise Exit(f"--create: there is no pool {', '.join(unknown)} in configs/storage.yaml, but "
                   f"{', '.join(rack.storage_classes.pools)}", code=2)
    converge(command(), lambda rack: [*gateway_steps(rack), *file_server_steps(rack)], dry=dry, yes=yes, json=json, typed=typed)


@task(help={"json": JSON})
def status(c: Context, json: bool = False) -> None:
    """Show pools, scrubs, snapshots, exports, and what is wrong."""
    from fabfile.facts.file_server import findings
    from fabfile.finding import healthy
    from fabfile.screen import file_server as screen

    servers = asked()
    found = [finding for _, wanted, server in servers for finding in findings(wanted, server)]
    shown = [server for _, _, server in servers]
    print(screen.as_json(shown, found) if json else screen.as_text(shown, found))
    if not healthy(found):
        raise SystemExit(3)


@task(help={"json": JSON})
def disks(c: Context, json: bool = False) -> None:
    """List the file server's disks by bay."""
    from dataclasses import asdict
    from json import dumps

    from fabfile.facts.file_server import disks, unnamed
    from fabfile.screen import file_server as screen

    data = {}
    for machine, wanted, server in asked():
        found = [disk for name, (_, vdevs) in wanted.pools.items() for disk in disks(server, name, vdevs)]
        others = unnamed(machine, server)
        data[machine.name] = {"disks": [asdict(disk) for disk in found], "unnamed": others}
        if not json:
            print(screen.disks_as_text(machine.name, found, others))
    if json:
        print(dumps(data, indent=1))


def a_rack_with_pools() -> Rack:
    """The rack; the task ends with code 2 where its files name no pool."""
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    if rack.storage_classes is None or not rack.storage_classes.pools:
        raise Exit("configs/storage.yaml names no pools: docs/storage.md says how", code=2)
    return rack


def asked() -> list[tuple[Machine, Wanted, FileServer]]:
    """Each file server that is meant to be on, what is wanted of it, and how it is."""
    from fabfile.facts.file_server import parse, question
    from fabfile.roles.file_server import file_servers
    from fabfile.tasks.leader import connected
    from fabfile.tasks.queries import asked_of

    rack, found = a_rack_with_pools(), []
    with connected(rack) as ways:
        for machine in file_servers(rack):
            if machine.expected_off:
                raise Exit(f"hosts.yaml expects {machine.name} to be off", code=1)
            wanted = wanted_of(rack, machine)
            found.append((machine, wanted, parse(machine.name, asked_of(rack, machine, question(wanted), ways=ways))))
    return found


def wanted_of(rack: Rack, machine: Machine) -> Wanted:
    """What the rack's files say of a file server."""
    from fabfile.facts.file_server import Wanted
    from fabfile.roles.file_server import clients_of, exported
    from fabfile.roles.pools import pools_of, wanted_pool

    return Wanted(
        {name: (pool, wanted_pool(machine, name, pool).vdevs) for name, pool in pools_of(rack, machine)},
        frozenset((path, str(client.address())) for path in exported(rack, machine) for client in clients_of(rack, path)),
        {str(one.address()): one.name for one in rack.machines.values()})
