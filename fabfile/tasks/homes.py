"""Users' homes as a whole: they come from another server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

LIMIT = 7 * 86400.0  # seconds: homes of years, by a slow line


@task(help={
    "from_": "A folder of the file server, or USER@HOST:/FOLDER.",
    "host_key": "That host's own key: ssh-ed25519 AAAA…",
    "key": "Show the public key by which that host lets the file server in.",
    "hub": "The hub that gets the homes (default: the one of configs/hub.yaml).",
    "only": "These homes alone (comma-separated).",
    "names": "A file of lines HOME FOLDER, where folders have other names there.",
    "dry": "Dry run: say what would be moved; exit 3 if anything.",
})
def move(c: Context, from_: str = "", host_key: str = "", key: bool = False, hub: str = "hub", only: str = "", names: str = "",
         dry: bool = False) -> None:
    """Copy homes from another server, one by one.

    Nothing is written or deleted there, and no home that is here already is
    touched. A home takes its place when a second look finds no difference. When
    it was cut off, the same command goes on.
    """
    from fabfile.facts import homes_move
    from fabfile.roles.homes_quota import QUOTAS
    from fabfile.roles.pools import owner
    from fabfile.tasks.actions import act, perform
    from fabfile.tasks.homes_of import dataset_of_homes, the_homes
    from fabfile.tasks.hub import the_hub
    from fabfile.tasks.queries import asked_of

    rack, service = the_hub(hub)
    homes = the_homes(rack)
    machine, dataset = dataset_of_homes(rack)
    host, wanted = _source(from_, host_key), _names(names, only)
    steps = tools(machine, host, host_key)
    if key:
        perform(rack, steps)
        print(asked_of(rack, machine, f"cat {homes_move.FOLDER}/key.pub").strip())
        return
    script = homes_move.moving(dataset, service.in_namespace, from_, owner(rack, homes.path) or "0:0", wanted, QUOTAS, dry=dry)
    if dry:
        said, code = homes_move.ended(asked_of(rack, machine, script, 600.0))
        print(said)
        raise Exit(code=1 if code else 3 if "would be moved" in said else 0)
    perform(rack, steps)
    result = act(rack, machine, f"move homes from {from_}", script, limit=LIMIT, long=True,
                 format_output=lambda said: homes_move.ended(said)[0])
    if code := homes_move.ended(result.said)[1]:
        raise Exit(code=code)


def tools(machine: Machine, host: str, host_key: str) -> list[Step]:
    """What a move needs on the file server: rsync, and for another host a key that never leaves it."""
    from fabfile.engine.step import Step
    from fabfile.facts.homes_move import FOLDER
    from fabfile.resources import Directory, File, Packages, Ran

    def role(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield Packages({"rsync": None})
        if host:
            yield Directory(FOLDER, mode=0o700)
            yield Ran("a key to fetch homes with", f"ssh-keygen -q -t ed25519 -N '' -C 'homes of {machine.name}' -f {FOLDER}/key",
                      f"{FOLDER}/key")
            yield File(f"{FOLDER}/known_hosts", f"{host} {host_key}\n")

    return [Step("tools", (machine,), role)]


def _source(source: str, host_key: str) -> str:
    """The host of the source; the task ends with code 2 for what is none, and for a host without its key."""
    from pydantic import TypeAdapter, ValidationError

    from fabfile.facts.homes_move import host_of
    from fabfile.rack.values import HostKey

    try:
        host = host_of(source)
    except ValueError:
        raise Exit(f"--from: {source!r} is neither a folder, such as /mnt/old/homes, nor USER@HOST:/FOLDER", code=2) from None
    if host:
        try:
            TypeAdapter(HostKey).validate_python(host_key)
        except ValidationError:
            raise Exit(f"--host-key: {host_key!r} is no key of {host}: type and key as in its /etc/ssh/ssh_host_ed25519_key.pub, "
                       "without the comment", code=2) from None
    return host


def _names(file: str, only: str) -> dict[str, str]:
    """The homes that are to be moved, with their folders; none for all. The task ends with code 2 for names that are none."""
    from pathlib import Path

    from fabfile.facts.homes_move import chosen, named

    try:
        names = named(Path(file).expanduser().read_text()) if file else {}
        if file and not names:
            raise ValueError("it names no home")
        return chosen(names, filter(None, (home.strip() for home in only.split(","))))
    except (OSError, UnicodeDecodeError, ValueError) as wrong:
        raise Exit(f"{'--names ' + file if file else '--only'}: {wrong}", code=2) from None
