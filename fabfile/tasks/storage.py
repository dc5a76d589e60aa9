"""The file server: its pools, disks and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.facts.file_server import FileServer, Wanted
    from fabfile.facts.homes import Version
    from fabfile.rack import Machine, Rack


SENT_NOW = """code=0; systemctl start coop-send.service || code=$?
journalctl -q -o cat _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID coop-send.service)"
exit $code"""


@task(help={
    "create": "Approve that these pools are created, by name (comma-separated).",
    "dry": DRY, "yes": YES, "json": JSON,
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
    from time import time

    from fabfile.facts.look import Look
    from fabfile.finding import healthy
    from fabfile.rules.examine import examine
    from fabfile.screen import file_server as screen
    from fabfile.tasks.rack import the_rack

    servers = asked()
    found = examine(Look(the_rack(), time(), file_servers={server.machine: (wanted, server) for _, wanted, server in servers}))
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
    from fabfile.resources import ZfsPool
    from fabfile.tasks.leader import connected
    from fabfile.tasks.queries import asked_of

    rack, found = a_rack_with_pools(), []
    with connected(rack) as ways:
        for machine in rack.file_servers:
            if machine.expected_off:
                raise Exit(f"hosts.yaml expects {machine.name} to be off", code=1)
            wanted = wanted_of(rack, machine)
            found.append((machine, wanted, parse(machine.name, asked_of(rack, machine, question(wanted), ZfsPool.probe_limit, ways))))
    return found


def wanted_of(rack: Rack, machine: Machine) -> Wanted:
    """What the rack's files say of a file server."""
    from fabfile.facts.file_server import Wanted
    from fabfile.roles.file_server import clients_of, exported
    from fabfile.roles.homes_quota import homes_of
    from fabfile.roles.pools import pools_of, wanted_pool

    homes = homes_of(rack)
    return Wanted(
        {name: (pool, wanted_pool(machine, name, pool).vdevs) for name, pool in pools_of(rack, machine)},
        frozenset((path, str(client.address())) for path in exported(rack, machine) for client in clients_of(rack, path)),
        {str(one.address()): one.name for one in rack.machines.values()},
        homes.path if homes and homes.path in exported(rack, machine) else "")


@task(help={"most": "How many homes to show, the fullest first.", "all_": "Show all of them.", "json": JSON})
def usage(c: Context, most: int = 10, all_: bool = False, json: bool = False) -> None:
    """Show what homes take of their quotas, the fullest first."""
    from dataclasses import asdict
    from json import dumps

    from fabfile.facts.homes import parse_usage, usage_question
    from fabfile.screen.file_server import homes_as_text
    from fabfile.tasks.homes_of import dataset_of_homes
    from fabfile.tasks.queries import asked_of

    rack = a_rack_with_pools()
    machine, dataset = dataset_of_homes(rack)
    homes = parse_usage(asked_of(rack, machine, usage_question(dataset)))
    shown = homes if all_ else homes[:most]
    print(dumps([asdict(home) for home in shown], indent=1) if json else homes_as_text(shown, len(homes)))


@task(positional=["home", "size"], help={
    "home": "Its name: jdoe; hub/jdoe where there are several hubs.",
    "size": "Such as 50Gi; default: what every home has.", "dry": DRY, "yes": YES})
def quota(c: Context, home: str, size: str, dry: bool = False, yes: bool = False) -> None:
    """Give one home another quota.

    It is written into configs/storage.yaml, and set on the file server.
    """
    from fabfile.engine.plan import chosen
    from fabfile.facts.homes import quota_changes
    from fabfile.rack.editing import edited
    from fabfile.rack.files import STORAGE
    from fabfile.roles.homes_quota import namespaces
    from fabfile.screen.file_server import homes_as_text
    from fabfile.screen.scan import diff
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.homes_of import a_home, a_size, the_homes, with_its_quota
    from fabfile.tasks.local_files import rewrite
    from fabfile.tasks.service_steps import file_server_steps

    rack = a_rack_with_pools()
    hubs, folder, wanted = namespaces(rack), a_home(rack, home), a_size(size)
    changes = quota_changes(the_homes(rack).users, hubs, folder, wanted)
    if folder.split("/")[0] not in hubs:
        raise Exit(f"no hub is in the namespace of {folder}, but in {', '.join(hubs)}", code=2)
    before, after = rewrite(rack.folder / STORAGE, lambda text: edited(text, changes), dry=dry)
    print(diff(before, after, STORAGE), end="")
    if dry:
        raise SystemExit(3 if before != after else 0)
    rack = a_rack_with_pools()  # as it is written now
    converge(command(), lambda rack: chosen(file_server_steps(rack), "exports", None), yes=yes, rack=rack)
    print(homes_as_text([with_its_quota(rack, folder)], 1))


@task(help={"home": "Its name: jdoe; hub/jdoe where there are several hubs.", "path": "A file or folder in it; . for all of it.",
            "json": JSON})
def versions(c: Context, home: str, path: str, json: bool = False) -> None:
    """List the versions of a user's file in snapshots."""
    from dataclasses import asdict
    from json import dumps

    from fabfile.screen.file_server import versions_as_text

    _, _, _, found = _versions(home, path)
    print(dumps([asdict(version) for version in found], indent=1) if json else versions_as_text(found))


@task(help={"home": "Its name: jdoe; hub/jdoe where there are several hubs.", "path": "A file or folder in it; . for all of it.",
            "at": "As it was at this UTC time (2026-11-08T12:00), or a snapshot's name; default: the newest version in a snapshot."})
def restore(c: Context, home: str, path: str, at: str = "") -> None:
    """Copy a user's file out of a snapshot, beside what is there.

    The copy is called NAME.TIME; nothing is written over. It counts for the
    user's quota. A home that is gone comes back in its place.
    """
    from fabfile.facts import homes
    from fabfile.tasks.actions import act

    rack, machine, place, found = _versions(home, path)
    try:
        version = homes.at(found, at)
    except ValueError:
        raise Exit(f"--at: {at!r} is neither a time, such as 2026-11-08T12:00, nor a snapshot with another version of it", code=2) from None
    if version is None:
        when = f" of {at}" if at else ""
        raise Exit(f"{path} of {home} is in no snapshot{when}: inv storage.versions {home} {path} shows what there is", code=1)
    dataset, folder = place
    act(rack, machine, f"restore {path} of {home} as it was in {version.snapshot}", homes.restoring(dataset, version, folder, path),
        limit=3600.0, long=True)


@task(help={"name": "The snapshot's name (default: manual-TIME)."})
def snapshot(c: Context, name: str = "") -> None:
    """Make a snapshot of the homes; sanoid never removes it."""
    import re
    import time

    from fabfile.facts.homes import stamp
    from fabfile.tasks.actions import act
    from fabfile.tasks.homes_of import dataset_of_homes

    rack = a_rack_with_pools()
    machine, dataset = dataset_of_homes(rack)
    name = name or f"manual-{stamp(int(time.time()))}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}", name) or name.startswith("autosnap_"):
        raise Exit(f"{name!r} is no name for a snapshot: letters, digits, _ . : and -, and not sanoid's autosnap_", code=2)
    act(rack, machine, f"snapshot {dataset}@{name}", f"zfs snapshot {dataset}@{name}\necho {dataset}@{name}")


@task(help={"key": "Show the public key by which the other host lets it in."})
def send(c: Context, key: bool = False) -> None:
    """Send the newest snapshots to other hosts now.

    A timer does it each hour, for each dataset with `send`.
    """
    from fabfile.roles.pools import SEND, pools_of
    from fabfile.tasks.actions import act
    from fabfile.tasks.queries import asked_of

    rack = a_rack_with_pools()
    senders = [machine for machine in rack.file_servers
               if any(one.send for _, pool in pools_of(rack, machine) for one in pool.datasets.values())]
    if not senders:
        raise Exit("no dataset of configs/storage.yaml has `send`: docs/storage.md says how", code=2)
    for machine in senders:
        if key:
            print(asked_of(rack, machine, f"cat {SEND}/key.pub").strip())
        else:
            act(rack, machine, "send snapshots", SENT_NOW, limit=86400.0, long=True)


@task(help={"pool": "The pool's name."})
def scrub(c: Context, pool: str) -> None:
    """Begin to read and verify all data of a pool."""
    from fabfile.tasks.actions import act

    rack = a_rack_with_pools()
    assert rack.storage_classes is not None
    if pool not in rack.storage_classes.pools:
        raise Exit(f"there is no pool {pool!r} in configs/storage.yaml, but {', '.join(rack.storage_classes.pools)}", code=2)
    machine = rack.machine(rack.storage_classes.pools[pool].machine)
    act(rack, machine, f"scrub {pool}", f"zpool scrub {pool}\necho 'begun: inv storage.status shows how it ends'")


def _versions(home: str, path: str) -> tuple[Rack, Machine, tuple[str, str], list[Version]]:
    """The rack, the file server, dataset and folder of the home, and the versions of the file."""
    from fabfile.facts.homes import parse_versions, versions_question
    from fabfile.tasks.homes_of import a_home, a_path, dataset_of_homes
    from fabfile.tasks.queries import asked_of

    rack = a_rack_with_pools()
    machine, dataset = dataset_of_homes(rack)
    folder = a_home(rack, home)
    answer = asked_of(rack, machine, versions_question(dataset, folder, a_path(path)), 300.0)
    return rack, machine, (dataset, folder), parse_versions(answer)
