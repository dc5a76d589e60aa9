"""The rack: everything that hosts.yaml and configs/ say, validated and typed. Loaded once, never changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path as FolderPath
from types import MappingProxyType
from typing import Any

from pydantic import Field

from fabfile.rack.cluster import Cluster
from fabfile.rack.conflicts import Conflicts
from fabfile.rack.files import HOSTS
from fabfile.rack.install import Install
from fabfile.rack.machines import Interface, Machine
from fabfile.rack.networks import NetworkPlan
from fabfile.rack.operators import Account
from fabfile.rack.organisations import Organisation
from fabfile.rack.problem import Problem, RackProblems
from fabfile.rack.reading import Document, Path
from fabfile.rack.services import Service
from fabfile.rack.spelling import did_you_mean
from fabfile.rack.storage import Storage
from fabfile.rack.values import Part, ShellText, Text, UserName
from fabfile.rack.versions import Versions
from fabfile.rack.watching import Metrics, Watching

__all__ = ["Cluster", "Interface", "Machine", "NetworkPlan", "Operator", "Rack", "Versions"]


class Operator(Part):
    """How an operator reaches the gateway; everything else is reached through it."""

    user: UserName = Field(examples=["spicy"])
    identity_file: Text | None = None  # load() makes it absolute; none: the operator's agent and usual keys
    proxy_command: ShellText | None = None  # as OpenSSH's, with %h and %p; load() makes its program absolute


@dataclass(frozen=True)
class Rack:
    """One rack. `folder` is where its hosts.yaml lies."""

    name: str
    folder: FolderPath
    operator: Operator
    machines: Mapping[str, Machine]
    network: NetworkPlan
    versions: Versions
    cluster: Cluster
    storage_classes: Storage | None  # configs/storage.yaml
    install: Install | None  # configs/install.yaml
    operators: Mapping[str, Account]  # configs/operators.yaml, by name
    services: Mapping[str, Service]  # by name, the hub of configs/hub.yaml first, those of organisations last
    secrets: Mapping[str, Any] = field(repr=False)  # what configs/secrets.yaml adds to the values of each; texts are Secrets
    pages: Mapping[str, bytes] = field(repr=False)  # configs/templates/: path within → content
    documents: Mapping[str, Document] = field(repr=False, compare=False)  # the files: where each value stands
    watching: Watching | None = None  # configs/watch.yaml
    organisations: Mapping[str, Organisation] = field(default_factory=dict)  # configs/organisations.yaml, by name
    leading: str = ""  # the control plane that the cluster is asked through, once it is known who answers
    conflicts: Conflicts = field(default_factory=Conflicts)
    missing: frozenset[str] = frozenset()  # machines that a run could not reach, or that are meant to be off: told to checks alone

    @property
    def state_folder(self) -> FolderPath:
        """What is kept about this rack on the operator's computer: journals, ssh_config."""
        base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return FolderPath(base).expanduser() / "coop" / self.name

    def problem(self, file: str, path: Path, message: str, hint: str = "") -> Problem:
        """A problem with what stands at `path` in one of the rack's files."""
        return self.documents[file].problem(path, message, hint)

    def _with(self, role: str) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines.values() if role in machine.roles)

    @cached_property
    def by_address(self) -> tuple[Machine, ...]:
        """Every machine, by its address in the node network: files list them so, in whatever order they are
        written."""
        return tuple(sorted(self.machines.values(), key=Machine.address))

    @cached_property
    def gateway(self) -> Machine:
        """rooster."""
        return self._with("gateway")[0]

    @cached_property
    def control_planes(self) -> tuple[Machine, ...]:
        """The machines that run the API server and etcd, in the order of hosts.yaml."""
        return self._with("control-plane")

    @property
    def leader(self) -> Machine:
        """The control plane that the cluster is asked through, and where it is made if there is none: the first that
        answers (tasks/leader.py asks), else the first that is not meant to be off."""
        if self.leading:
            return self.machines[self.leading]
        return next((m for m in self.control_planes if not m.expected_off), self.control_planes[0])

    @property
    def reached(self) -> tuple[Machine, ...]:
        """The chicks that no run misses."""
        return tuple(machine for machine in self.chicks if machine.name not in self.missing)

    @cached_property
    def workers(self) -> tuple[Machine, ...]:
        """The members whose role it is to take pods; among them may be control planes."""
        return self._with("worker")

    @cached_property
    def chicks(self) -> tuple[Machine, ...]:
        """Every member of the cluster, control planes first."""
        return self.control_planes + tuple(one for one in self.workers if one not in self.control_planes)

    def takes_pods(self, machine: Machine) -> bool:
        """Whether pods may run on a member: a worker; where there is none, or none that is meant to be on, every control
        plane."""
        return machine in self.workers or (machine in self.control_planes and all(one.expected_off for one in self.workers))

    @property
    def balanced(self) -> tuple[IPv4Network, ...]:
        """What MetalLB may give to services: to all, and to those of organisations."""
        return (*self.network.load_balancer, *(network for one in self.organisations.values() for network in one.addresses))

    def without(self, machine: Machine) -> Rack:
        """The rack as it is when this machine has left it."""
        return replace(self, machines=MappingProxyType({name: one for name, one in self.machines.items() if one != machine}))

    @property
    def metrics(self) -> Metrics | None:
        """Whether there are metrics, and how long they are kept."""
        return self.watching.metrics if self.watching else None

    @cached_property
    def storage_hosts(self) -> tuple[Machine, ...]:
        """hen."""
        return self._with("storage")

    @cached_property
    def file_servers(self) -> tuple[Machine, ...]:
        """The machines whose pools are in the rack's files."""
        names = {pool.machine for pool in self.storage_classes.pools.values()} if self.storage_classes else set()
        return tuple(machine for machine in self.storage_hosts if machine.name in names)

    def machine(self, name: str) -> Machine:
        """The machine of that name; else RackProblems, with the names that look like it."""
        if name in self.machines:
            return self.machines[name]
        said = f"there is no machine {name!r} in rack {self.name}"
        raise RackProblems([Problem(HOSTS, 0, "machines", said, did_you_mean(name, self.machines))])
