"""Which home an operator means, and where it lies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack


def dataset_of_homes(rack: Rack) -> tuple[Machine, str]:
    """The file server with the homes, and their dataset; the task ends with code 2 where the files name none."""
    from fabfile.roles.homes_quota import homes_of

    homes = homes_of(rack)
    if homes is None or rack.storage_classes is None:
        raise Exit("configs/storage.yaml names no homes: docs/storage.md says how", code=2)
    return rack.machine(rack.storage_classes.pools[homes.path.split("/")[1]].machine), homes.path.lstrip("/")


def a_home(rack: Rack, name: str) -> str:
    """NAMESPACE/HOME of a home that is named with or without its hub; else the task ends with code 2."""
    from fabfile.roles.homes_quota import namespaces

    hubs = namespaces(rack)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)?", name):
        raise Exit(f"{name!r} is no home: its folder's name is wanted, such as jdoe", code=2)
    if "/" in name:
        return name
    if len(hubs) != 1:
        raise Exit(f"{name} of which hub? {', '.join(f'{hub}/{name}' for hub in hubs)}", code=2)
    return f"{hubs[0]}/{name}"


def a_path(path: str) -> str:
    """A path within a home; else the task ends with code 2."""
    parts = path.split("/")
    if path.startswith("/") or not path.isprintable() or {"", ".", ".."} & set(parts):
        raise Exit(f"{path!r} is no path within a home: from the home down, such as notebooks/week1.ipynb", code=2)
    return path
