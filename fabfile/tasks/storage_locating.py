"""Where in the shelf a disk is: the light of its bay, and what stands on its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Machine, Rack


@task(help={"bay": "The bay as hosts.yaml names it.", "off": "Switch the light off."})
def locate(c: Context, bay: str, off: bool = False) -> None:
    """Light the lamp of a disk's bay, and say its serial.

    By the enclosure's own driver, or by ledctl if it is installed. Without either
    it says what to type to have the disk's activity light blink.
    """
    from fabfile.facts.file_server import light, light_told
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.storage import a_rack_with_pools

    rack = a_rack_with_pools()
    machine = in_bay(rack, bay)
    path = machine.disks[bay]
    known = machine.hardware.disks.get(path)
    lit, told = light_told(machine.name, bay, path, known.serial if known else "", asked_of(rack, machine, light(path, not off)), off)
    print(told)
    if not lit:
        raise Exit(code=1)


def in_bay(rack: Rack, bay: str) -> Machine:
    """The file server that has this bay; else the task ends with code 2."""
    servers = [machine for machine in rack.file_servers if bay in machine.disks]
    if len(servers) != 1:
        names = ", ".join(name for machine in rack.file_servers for name in machine.disks)
        raise Exit(f"{'no' if not servers else 'more than one'} file server has a bay {bay!r} in hosts.yaml, but {names}", code=2)
    return servers[0]
