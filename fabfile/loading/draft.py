"""A rack that may still have problems: the values that could be read, for the checks across them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from fabfile.rack.conflicts import Conflicts
from fabfile.rack.machines import Interface, Machine
from fabfile.rack.model import Operator
from fabfile.rack.networks import NetworkPlan
from fabfile.rack.organisations import Organisation
from fabfile.rack.publishing import Published
from fabfile.rack.reading import Document, Path
from fabfile.rack.values import Label, MachineName, Part
from fabfile.rack.versions import Versions

OWN = "the operator's own file"  # outside of the rack's folder: its document knows where


class Hosts(Part):
    """hosts.yaml as it is written."""

    rack: Label
    operator: Operator
    machines: Mapping[MachineName, Machine]
    conflicts: Conflicts = Field(default_factory=Conflicts)


@dataclass(frozen=True)
class Wrong:
    """What a check found: the file, the path of the value, and what to say of it."""

    file: str
    path: Path
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Draft:
    """The values that are right in themselves. The others are None; such machines are left out."""

    machines: Mapping[str, Machine]
    whole: bool  # no machine is left out
    operator: Operator | None
    network: NetworkPlan
    versions: Versions
    cluster: Any
    storage: Any  # None: the rack has no such file
    install: Any  # the same
    operators: Any  # the same
    own: frozenset[str]  # keys of `operator` that the operator's own file says
    services: Mapping[str, Any]  # by name, the hub first
    secrets: Mapping[str, Any]  # what configs/secrets.yaml adds to the values of each
    documents: Mapping[str, Document]
    organisations: Mapping[str, Organisation]  # none where the rack has no such file, or one that is not right in itself

    @cached_property
    def published(self) -> Mapping[str, Published]:
        """What network.yaml publishes, and the hubs of organisations."""
        rows = {name: row for one in self.organisations.values() for name, row in one.rows.items()}
        return {**(self.network.publish or {}), **rows}

    def interfaces(self) -> Iterator[tuple[Machine, Interface]]:
        for machine in self.machines.values():
            for interface in machine.interfaces.values():
                yield machine, interface

    @property
    def gateway(self) -> Machine | None:
        """The first that calls itself so."""
        return next((machine for machine in self.machines.values() if "gateway" in machine.roles), None)

    def line(self, file: str, *path: str | int) -> int:
        return self.documents[file].line(path)


def sound(kind: type[Part], values: object) -> Any:
    """The fields that are right in themselves, in a value like `kind`; the others are None."""
    found = dict.fromkeys(kind.model_fields)
    if isinstance(values, Mapping):
        for name, field in kind.model_fields.items():
            if name in values:
                kind_of: Any = field.annotation
                annotated = Annotated[kind_of, *field.metadata, None]  # it wants one note at least
                adapter: TypeAdapter[Any] = TypeAdapter(annotated)
                with suppress(ValidationError):
                    found[name] = adapter.validate_python(values[name])
            elif not field.is_required():
                found[name] = field.get_default(call_default_factory=True)
    return SimpleNamespace(**found)


def sound_machines(values: object) -> tuple[dict[str, Machine], bool]:
    """The machines that are right in themselves, and whether these are all."""
    entries = values.get("machines") if isinstance(values, Mapping) else None
    if not isinstance(entries, Mapping):
        return {}, False
    machines: dict[str, Machine] = {}
    one = TypeAdapter(dict[MachineName, Machine])
    for name, entry in entries.items():
        with suppress(ValidationError):
            machines |= one.validate_python({name: entry})
    return machines, len(machines) == len(entries)


def place(name: str, machine: Machine, network: NetworkPlan) -> None:
    """Tells a machine and its interfaces their names, and which network each interface is in."""
    machine._name = name
    for interface_name, interface in machine.interfaces.items():
        interface._name = interface_name
        for where in ("public", "node"):
            known = getattr(network, where)
            if interface.address and known and interface.address.ip in known:
                interface._network = where
