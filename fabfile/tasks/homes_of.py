"""Which home an operator means, and where it lies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.facts.homes import Home
    from fabfile.rack import Machine, Rack
    from fabfile.rack.pools import Homes

QUOTA_SET = 60.0  # seconds, of which coop-homes takes a few on a machine that has other work


def the_homes(rack: Rack) -> Homes:
    """What the rack's files say of homes; the task ends with code 2 where they name none."""
    from fabfile.roles.homes_quota import homes_of

    homes = homes_of(rack)
    if homes is None:
        raise Exit("configs/storage.yaml names no homes: docs/storage.md says how", code=2)
    return homes


def dataset_of_homes(rack: Rack) -> tuple[Machine, str]:
    """The file server with the homes, and their dataset."""
    homes = the_homes(rack)
    assert rack.storage_classes is not None
    return rack.machine(rack.storage_classes.pools[homes.path.split("/")[1]].machine), homes.path.lstrip("/")


def fullest_homes(rack: Rack, namespace: str, most: int = 10) -> tuple[list[Home], str]:
    """Those of a hub, the fullest first, or why they are not known; nothing of either where no file names homes."""
    from fabfile.facts.homes import parse_usage, usage_question
    from fabfile.roles.homes_quota import homes_of
    from fabfile.tasks.queries import ask

    if homes_of(rack) is None:
        return [], ""
    machine, dataset = dataset_of_homes(rack)
    answers, errors = ask(rack, {machine.name: usage_question(dataset)})
    if errors:
        return [], f"how full homes are is not known: {errors[machine.name]}"
    return [home for home in parse_usage(answers[machine.name]) if home.name.startswith(f"{namespace}/")][:most], ""


def a_home(rack: Rack, name: str) -> str:
    """NAMESPACE/HOME of a home that is named by its user or its folder, with or without its hub; else the task ends with code 2."""
    from fabfile.roles.homes_quota import namespaces
    from fabfile.upstream.home_folders import folder_of

    hubs = namespaces(rack)
    hub, _, user = name.rpartition("/")
    if not re.fullmatch(r"([a-z0-9][a-z0-9-]*/)?[^\s/]+", name) or user in (".", ".."):
        raise Exit(f"{name!r} is no home: its user's name is wanted, or that of its folder, such as jdoe", code=2)
    if hub:
        return f"{hub}/{folder_of(user)}"
    if len(hubs) != 1:
        raise Exit(f"{name} of which hub? {', '.join(f'{hub}/{name}' for hub in hubs)}", code=2)
    return f"{hubs[0]}/{folder_of(user)}"


def a_path(path: str) -> str:
    """A path within a home, or "." for all of it; else the task ends with code 2."""
    parts = path.split("/")
    if path.startswith("/") or not path.isprintable() or (path != "." and {"", ".", ".."} & set(parts)):
        raise Exit(f"{path!r} is no path within a home: from the home down, such as notebooks/week1.ipynb, or . for all of it", code=2)
    return path


def a_size(size: str) -> str:
    """A quota as configs/storage.yaml has it, "" for "default"; else the task ends with code 2."""
    from fabfile.rack.pools import SIZE

    if size != "default" and not SIZE.fullmatch(size):
        raise Exit(f"{size!r} is no size: in Mi, Gi or Ti, such as 50Gi; or default", code=2)
    return "" if size == "default" else size


def with_its_quota(rack: Rack, name: str) -> Home:
    """The home as ZFS has it, as soon as it has the quota of the rack's files; else the task ends with code 1."""
    import time

    from fabfile.facts.homes import parse_usage, usage_question
    from fabfile.roles.homes_quota import quota_of
    from fabfile.tasks.queries import asked_of

    (machine, dataset), wanted = dataset_of_homes(rack), quota_of(rack, the_homes(rack), name)
    until = time.monotonic() + QUOTA_SET
    while True:
        home = next((one for one in parse_usage(asked_of(rack, machine, usage_question(dataset))) if one.name == name), None)
        if home is None:
            raise Exit(f"{name} has no folder yet, and gets this quota with it", code=0)
        if home.quota == wanted:
            return home
        if time.monotonic() > until:
            raise Exit(f"{name} still has a quota of {home.quota} bytes: on {machine.name}, systemctl status coop-homes.service says why",
                       code=1)
        time.sleep(1)
