"""A small rack with a hub: rooster, chick0 (the control plane), chick1, chick2 and hen; or a part of it, or with machines off."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from fabfile.loading import load
from fabfile.rack import Rack

CASES = Path(__file__).parents[1] / "cases"


@cache
def small_rack() -> Rack:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(CASES / "hub/base", folder, dirs_exist_ok=True)
        shutil.copy(CASES / "doctor/hosts.yaml", folder)
        return load(Path(folder))


def with_chicks(members: Iterable[str], off: Iterable[str] = ()) -> Rack:
    """The same with these chicks alone, some of which hosts.yaml expects to be off."""
    rack, machines = small_rack(), {}
    for name, machine in rack.machines.items():
        if name in members or not machine.is_member:
            machines[name] = machine.model_copy(update={"expect": "off"}) if name in off else machine
    return replace(rack, machines=MappingProxyType(machines))


def all_control_planes(rack: Rack | None = None) -> Rack:
    """The same, or another rack, with all chicks as control planes."""
    rack = rack or small_rack()
    return replace(rack, machines=MappingProxyType({name: machine.model_copy(update={"roles": frozenset({"control-plane"})})
                                                    if machine.is_member else machine for name, machine in rack.machines.items()}))
