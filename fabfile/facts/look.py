"""One look at a rack: what was seen of everything at one moment. What could not be asked is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from json import loads
from types import MappingProxyType
from typing import TypeVar

from fabfile.facts.cluster import ClusterState
from fabfile.facts.file_server import FileServer, Wanted
from fabfile.facts.hub import HubState
from fabfile.facts.machine import MachineState
from fabfile.facts.published import PublishedState
from fabfile.rack import Machine, Rack

Value = TypeVar("Value")


def _nothing() -> Mapping[str, Value]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Unreachable:
    """Why a machine could not be asked: the kind of the error ("NoAnswer"), the problem in words, and what helps."""

    kind: str
    problem: str
    hint: str = ""


@dataclass(frozen=True)
class Run:
    """A task that has the rack's lock: its name ("hub.upgrade"), who typed it where, and when, in seconds since 1970."""

    task: str
    who: str
    since: float


@dataclass(frozen=True)
class Look:
    """What was seen. `cluster` is None when nobody was asked about it, and says `api=False` when no API server answered."""

    rack: Rack
    now: float  # seconds since 1970, by the operator's clock
    machines: Mapping[str, MachineState] = field(default_factory=_nothing)
    unreachable: Mapping[str, Unreachable] = field(default_factory=_nothing)
    cluster: ClusterState | None = None
    hubs: Mapping[str, HubState] = field(default_factory=_nothing)
    published: Mapping[str, PublishedState] = field(default_factory=_nothing)
    file_servers: Mapping[str, tuple[Wanted, FileServer]] = field(default_factory=_nothing)
    cut_short: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)  # machine → what it had not told all of in time

    @property
    def rooster(self) -> MachineState | None:
        return self.machines.get(self.rack.gateway.name)

    @cached_property
    def run(self) -> Run | None:
        """The task that changes the rack at this moment."""
        try:
            said = loads(self.rooster.text("run")) if self.rooster else {}
            return Run(said["task"], f"{said['who']} at {said['origin']}", datetime.fromisoformat(said["since"]).timestamp())
        except (ValueError, KeyError, TypeError):
            return None

    @cached_property
    def members(self) -> Mapping[str, MachineState]:
        """The chicks that answered."""
        names = {one.name for one in self.rack.chicks}
        return {name: state for name, state in self.machines.items() if name in names}

    @cached_property
    def control_planes(self) -> Mapping[str, MachineState]:
        """The control planes that answered, and are ones."""
        names = {one.name for one in self.rack.control_planes}
        return {name: state for name, state in self.machines.items() if name in names and state.yes("control-plane")}

    @cached_property
    def off(self) -> frozenset[str]:
        """The machines that are meant to be off."""
        return frozenset(machine.name for machine in self.rack.machines.values() if machine.expected_off)

    @cached_property
    def lost(self) -> frozenset[str]:
        """The nodes that are not Ready by Kubernetes' own word."""
        return frozenset(node.name for node in self.api.nodes if not node.ready) if self.api else frozenset()

    @property
    def leader(self) -> Machine:
        """A control plane that answers, or the first that should."""
        return next((one for one in self.rack.control_planes if one.name in self.machines), self.rack.leader)

    @property
    def api(self) -> ClusterState | None:
        """The cluster, where its API server answered."""
        return self.cluster if self.cluster and self.cluster.api else None
