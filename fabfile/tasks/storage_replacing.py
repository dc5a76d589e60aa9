"""A new disk in the place of one that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Machine, Rack

LOOKS, STANDS_STILL = 10.0, 120.0  # seconds between two looks; and without a resilver, until it is told


@task(help={"bay": "The bay as hosts.yaml names it; the path there is the new disk's."})
def replace(c: Context, bay: str) -> None:
    """Replace a pool's disk by the one that hosts.yaml names now.

    Write the new disk's /dev/disk/by-id path at its bay first; it must be empty.
    It replaces the disk of that vdev whose path you took out of hosts.yaml. You
    type the bay's name to approve it. When it was ended while the new disk is
    written, the same command follows that again.
    """
    import sys

    from fabfile.facts.file_server import replacing
    from fabfile.resources.pool_plan import GoesOn, Refused, replacement
    from fabfile.screen.consent import typed_in
    from fabfile.tasks.actions import act
    from fabfile.tasks.storage import a_rack_with_pools, asked

    rack = a_rack_with_pools()
    holding = [(machine, wanted, server, name) for machine, wanted, server in asked() for name, (_, vdevs) in wanted.pools.items()
               if any(bay in vdev.disks for vdev in vdevs)]
    if not holding:
        raise Exit(f"no pool of configs/storage.yaml has a disk {bay!r}", code=2)
    machine, wanted, server, name = holding[0]
    match replacement(bay, wanted.pools[name][1], server.pools[name]):
        case Refused(why):
            raise Exit(f"nothing was replaced: {'; '.join(why)}", code=2)
        case GoesOn(path):
            print(f"pool {name}: {path} is being written already")
        case found:
            path = found.new.path
            print(f"pool {name}: {found.told}\n"
                  f"  is replaced by {path}, serial {found.new.serial or 'unknown'}, {found.new.size} bytes, empty")
            if not typed_in(bay, "to continue", sys.stdin, sys.stdout):
                raise Exit("nothing was replaced", code=1)
            act(rack, machine, f"replace a disk of {name} by {bay}", replacing(name, found), limit=900.0, long=True)
    _follow(rack, machine, name, path)


def _follow(rack: Rack, machine: Machine, pool: str, path: str) -> None:
    """Waits until the disk is written and the spare is back; without the rack's lock, as it may take a day."""
    import time

    from fabfile.facts.file_server import replaced_question
    from fabfile.resources.pool_facts import parse
    from fabfile.resources.pool_plan import unfinished
    from fabfile.tasks.queries import asked_of

    print("other tasks may run meanwhile; when this one is ended, the same command goes on", flush=True)
    until = time.monotonic() + STANDS_STILL
    while True:
        facts = parse(asked_of(rack, machine, replaced_question(pool, path)), pool)
        missing = unfinished(path, facts)
        if not missing:
            break
        if facts.pool and facts.pool.resilvers:
            until = time.monotonic() + STANDS_STILL
        elif time.monotonic() > until:
            raise Exit(f"no resilver runs, and {missing}: on {machine.name}, zpool status {pool} says more", code=1)
        time.sleep(LOOKS)
    print(f"pool {pool}: {path} is in its place, and no spare is in use")
