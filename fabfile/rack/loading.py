"""Reading a rack's folder into a Rack, or into every problem that its files have."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from fabfile.rack.cluster import Cluster
from fabfile.rack.machines import Machine
from fabfile.rack.model import Operator, Rack
from fabfile.rack.networks import NetworkPlan
from fabfile.rack.problem import RackProblems
from fabfile.rack.reading import Document, read_file
from fabfile.rack.values import Label, Part
from fabfile.rack.versions import Versions

HOSTS, NETWORK, VERSIONS, CLUSTER = "hosts.yaml", "configs/network.yaml", "configs/versions.yaml", "configs/cluster.yaml"
PROJECT = Path(__file__).resolve().parents[2]


class Hosts(Part):
    """hosts.yaml as it is written."""

    rack: Label
    operator: Operator
    machines: Mapping[Label, Machine]


def rack_folder() -> Path:
    """The folder of COOP_RACK, else the project's own."""
    return Path(os.environ.get("COOP_RACK") or PROJECT).expanduser().resolve()


def load(folder: Path | None = None) -> Rack:
    """The rack in a folder. Raises RackProblems with all that is wrong in its files."""
    folder = rack_folder() if folder is None else Path(folder).resolve()
    problems = []
    parts = {}
    for file, kind in {HOSTS: Hosts, NETWORK: NetworkPlan, VERSIONS: Versions, CLUSTER: Cluster}.items():
        document = read_file(folder, file)
        problems += document.problems
        if document.values is None:
            continue
        try:
            parts[file] = kind.model_validate(document.values)
        except ValidationError as error:
            problems += [document.problem(one["loc"], one["msg"], one.get("ctx", {}).get("hint", ""))
                         for one in error.errors(include_url=False)]
    if problems:
        raise RackProblems(problems)
    hosts, network = parts[HOSTS], parts[NETWORK]
    for name, machine in hosts.machines.items():
        place(name, machine, network)
    return Rack(
        name=hosts.rack, folder=folder, operator=resolved(hosts.operator, folder),
        machines=MappingProxyType(dict(hosts.machines)), network=network,
        versions=parts[VERSIONS], cluster=parts[CLUSTER],
    )


def place(name: str, machine: Machine, network: NetworkPlan) -> None:
    """Tells a machine and its interfaces their names, and which network each interface is in."""
    machine._name = name
    for interface_name, interface in machine.interfaces.items():
        interface._name = interface_name
        for where in ("public", "node"):
            if interface.address and interface.address.ip in getattr(network, where):
                interface._network = where


def resolved(operator: Operator, folder: Path) -> Operator:
    """The operator's files, told from the rack's folder, as absolute paths."""
    identity, command = operator.identity_file, operator.proxy_command
    if identity:
        identity = str(folder / Path(identity).expanduser())
    if command:
        words = shlex.split(command)
        program = Path(words[0]).expanduser()
        if "/" in words[0]:
            words[0] = os.path.normpath(folder / program)
        command = " ".join(word if "%" in word else shlex.quote(word) for word in words)
    return operator.model_copy(update={"identity_file": identity, "proxy_command": command})
