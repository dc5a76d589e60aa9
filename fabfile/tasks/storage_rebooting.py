"""A reboot of the file server: only when it would come back with every pool, and its users were told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.announcing import SILENT, WAIT
from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

_ANNOUNCED = "The file server restarts at {at}: notebooks pause for some minutes then, and go on. Nothing is lost."


@task(may="machine", help={
    "machine": "Name in hosts.yaml; only where there are several file servers.",
    "wait": WAIT, "silent": SILENT,
    "dry": DRY, "yes": YES, "json": JSON})
def reboot(c: Context, machine: str | None = None, wait: str = "10m", silent: bool = False, dry: bool = False, yes: bool = False,
           json: bool = False) -> None:
    """Reboot the file server, if its pools will import again.

    Refused while a kernel has no ZFS module, a pool has no redundancy left, or it
    would not be imported. Hubs announce it first; it ends when every client's
    mounts answer.
    """
    import time

    from fabfile.roles.homes_quota import homes_of
    from fabfile.tasks.announcing import announced, stays
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.durations import seconds_of
    from fabfile.tasks.storage import a_rack_with_pools

    rack = a_rack_with_pools()
    box, notice = a_file_server(rack, machine), 0 if silent else seconds_of("--wait", wait)
    started, interrupts = look(rack, box)
    at = int(time.time()) + notice
    hubs = [service for service in rack.services.values() if service.is_hub] if homes_of(rack) else []
    told = [] if silent or (dry and json) else announced(rack, hubs, at, _ANNOUNCED, dry)
    if told and not dry:
        rack = a_rack_with_pools()  # as it is written now
    try:
        converge(command(), lambda rack: reboot_steps(rack, box, started, interrupts, at, [] if dry else told),
                 dry=dry, yes=yes, json=json, rack=rack)
    finally:
        if told and not (dry or json):
            print(stays(told))


def a_file_server(rack: Rack, name: str | None) -> Machine:
    """The one that is named, or the only one; else the task ends with code 2."""
    servers = {machine.name: machine for machine in rack.file_servers}
    if name is None and len(servers) == 1:
        return next(iter(servers.values()))
    if name not in servers:
        raise Exit(f"which file server? {', '.join(servers)}", code=2)
    return servers[name]


def look(rack: Rack, box: Machine) -> tuple[str, str]:
    """Since when it runs, and who waits while it reboots. The task ends with code 1 where it may not be rebooted."""
    import sys

    from fabfile.facts import file_server, storage_reboot
    from fabfile.tasks.leader import connected
    from fabfile.tasks.queries import ask, asked_of
    from fabfile.tasks.storage import wanted_of

    wanted, mark = wanted_of(rack, box), "##boot"
    nodes = [node for node in rack.chicks if node.host_key and not node.expected_off]
    with connected(rack) as ways:
        answer = asked_of(rack, box, f"{file_server.question(wanted)}\necho '{mark}'\n{storage_reboot.question()}", ways=ways)
        mounts, silent = ask(rack, {node.name: storage_reboot.mounts_question(str(box.address())) for node in nodes}, ways=ways)
    server, boot = file_server.parse(box.name, answer), storage_reboot.parse(answer.partition(mark)[2])
    if why := storage_reboot.refusals(wanted, server, boot):
        raise Exit("\n".join([f"{box.name} is not rebooted:", *(f"  {one}" for one in why)]), code=1)
    for name, error in silent.items():
        print(f"{name} cannot be asked what it mounts ({error.problem})", file=sys.stderr)
    return boot.started, storage_reboot.interrupted(box.name, boot, wanted.names, {name: _count(said) for name, said in mounts.items()})


def _count(said: str) -> int:
    return int(said) if said.strip().isdigit() else 0


def reboot_steps(rack: Rack, box: Machine, started: str, interrupts: str, at: int, hubs: list[str]) -> list[Step]:
    """The hubs that announce it, then the wait, the last look, the reboot, and what has to hold afterwards."""
    from time import time

    from fabfile.engine.step import Step
    from fabfile.facts.storage_reboot import last_look
    from fabfile.resources.action import Action
    from fabfile.resources.rebooted import Rebooted
    from fabfile.roles.pools import pools_of, serves_again
    from fabfile.tasks.preparing import Preparing
    from fabfile.tasks.service_steps import service_steps

    def role(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield Action(f"look at {machine.name} once more", last_look([name for name, _ in pools_of(rack, machine)], at),
                     long=True, limit=max(0.0, at - time()) + 300.0)
        yield Rebooted(started, machine.name, interrupts)

    return [*(service_steps(rack, hubs, Preparing(rack, hubs, renew=False)) if hubs else []),
            Step(f"reboot {box.name}", (box,), role, verify=serves_again, serial=True)]
