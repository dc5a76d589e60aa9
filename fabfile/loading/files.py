"""Reading a rack's folder into a Rack, or into every problem that its files have."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from fabfile.folder import find_rack_folder
from fabfile.loading import checks
from fabfile.loading.draft import OWN, Draft, Hosts, place, sound, sound_machines
from fabfile.rack.cluster import Cluster
from fabfile.rack.files import CLUSTER, HOSTS, HUB, INSTALL, NETWORK, OPERATORS, ORGANISATIONS, SECRETS, SERVICES, STORAGE, VERSIONS, WATCH
from fabfile.rack.install import Install
from fabfile.rack.model import Operator, Rack
from fabfile.rack.networks import NetworkPlan
from fabfile.rack.operators import Operators, OwnSettings
from fabfile.rack.organisations import Organisation, Organisations
from fabfile.rack.problem import Problem, RackProblems
from fabfile.rack.reading import Document, read_file
from fabfile.rack.secrets import read_secrets
from fabfile.rack.services import HUB as HUB_NAME
from fabfile.rack.services import Hub, Services
from fabfile.rack.storage import Storage
from fabfile.rack.validation_errors import as_problems
from fabfile.rack.values import NOTHING, Part
from fabfile.rack.versions import Versions
from fabfile.rack.watching import Watching
from fabfile.upstream.documents import contradictions as contradictions_of_documents
from fabfile.upstream.pages import read_pages
from fabfile.upstream.preseed import contradictions as contradictions_of_answers
from fabfile.upstream.release import contradictions as contradictions_of_charts

identity_file: ContextVar[str] = ContextVar("identity_file", default="")  # of `fab -i`, in place of what hosts.yaml says
FILES: dict[str, type[Part]] = {HOSTS: Hosts, NETWORK: NetworkPlan, VERSIONS: Versions, CLUSTER: Cluster}
OPTIONAL: dict[str, type[Part]] = {STORAGE: Storage, HUB: Hub, SERVICES: Services, INSTALL: Install, OPERATORS: Operators,
                                   WATCH: Watching, ORGANISATIONS: Organisations}


def rack_folder() -> Path:
    """The folder of COOP_RACK, else the nearest one with a hosts.yaml. Raises RackProblems when there is none."""
    folder = find_rack_folder()
    if folder is None:
        hint = "cd into the rack's folder, or name it: export COOP_RACK=FOLDER"
        raise RackProblems([Problem(HOSTS, 0, "", "there is none in this folder, nor in one above it", hint)])
    return folder


def load(folder: Path | None = None) -> Rack:
    """The rack in a folder. Raises RackProblems with all that is wrong in its files."""
    folder = rack_folder() if folder is None else Path(folder).resolve()
    if not folder.is_dir():
        hint = "COOP_RACK names one with hosts.yaml and configs/"
        raise RackProblems([Problem(str(folder), 0, "", "there is no such folder", hint)])
    there = [*FILES, *(file for file in OPTIONAL if (folder / file).exists())]
    documents = {file: read_file(folder, file) for file in there}
    documents[SECRETS], secrets = read_secrets(folder)
    if (own := own_file(documents[HOSTS].values)) and own.exists():
        documents[OWN] = read_file(own.parent, own.name, shown=str(own))
    return assemble(folder, documents, secrets, read_pages(folder))


def own_file(hosts: object) -> Path | None:
    """Where an operator keeps what is their own of a rack: ~/.config/coop/RACK.yaml."""
    name = hosts.get("rack") if isinstance(hosts, Mapping) else None
    if not isinstance(name, str) or "/" in name:
        return None
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "coop" / f"{name}.yaml"


def assemble(folder: Path, documents: dict[str, Document], secrets: Mapping[str, Any] = NOTHING,
             pages: Mapping[str, bytes] = NOTHING) -> Rack:
    """The rack that the documents hold. Raises RackProblems."""
    problems: list[Problem] = list(documents[SECRETS].problems) if SECRETS in documents else []
    parts: dict[str, Any] = {}
    optional: dict[str, type[Part]] = {**OPTIONAL, OWN: OwnSettings}
    kinds = FILES | {file: kind for file, kind in optional.items() if file in documents}
    for file, kind in kinds.items():
        document = documents[file]
        problems += document.problems
        try:
            parts[file] = kind.model_validate(document.values)
        except ValidationError as error:
            parts[file] = sound(kind, document.values)
            if document.values is not None or not document.problems:
                problems += as_problems(document, kind, error)

    draft = _draft(folder, parts, documents, secrets)
    for check in checks.ALL:
        problems += [
            documents[wrong.file].problem(wrong.path, wrong.message, wrong.hint) for wrong in check(draft)]
    if any(not isinstance(parts[file], kind) for file, kind in kinds.items()):
        raise RackProblems(problems)
    assert draft.operator is not None
    rack = Rack(
        name=parts[HOSTS].rack, folder=folder, operator=draft.operator, machines=MappingProxyType(dict(draft.machines)),
        conflicts=parts[HOSTS].conflicts,
        network=_published(draft), versions=draft.versions, cluster=draft.cluster, storage_classes=draft.storage,
        install=draft.install, operators=draft.operators.operators if draft.operators else NOTHING,
        watching=parts.get(WATCH), services=MappingProxyType(dict(draft.services)), organisations=draft.organisations,
        secrets=secrets, pages=pages, documents=MappingProxyType(documents),
    )
    problems += [*contradictions_of_documents(rack), *contradictions_of_charts(rack), *contradictions_of_answers(rack)]
    if problems:
        raise RackProblems(problems)
    return rack


def _draft(folder: Path, parts: dict[str, Any], documents: dict[str, Document], secrets: Mapping[str, Any]) -> Draft:
    machines, whole = sound_machines(documents[HOSTS].values)
    for name, machine in machines.items():
        place(name, machine, parts[NETWORK])
    operator = resolved(parts[HOSTS].operator, folder) if parts[HOSTS].operator else None
    own: dict[str, Any] = {}
    if operator and OWN in parts:
        own = {key: value for key, value in vars(parts[OWN]).items() if value}
        operator = resolved(operator.model_copy(update=own), Path(documents[OWN].file).parent)
    return Draft(
        machines=machines, whole=whole, operator=operator, own=frozenset(own), operators=parts.get(OPERATORS),
        network=parts[NETWORK], versions=parts[VERSIONS], cluster=parts[CLUSTER], documents=documents,
        storage=parts.get(STORAGE), install=parts.get(INSTALL), services=_services(parts), secrets=secrets,
        organisations=_organisations(parts),
    )


def _services(parts: dict[str, Any]) -> dict[str, Any]:
    """Every service that is right in itself, the hub first."""
    found = {HUB_NAME: parts[HUB]} if isinstance(parts.get(HUB), Hub) else {}
    others = parts[SERVICES].services if SERVICES in parts else None
    found |= {name: entry for name, entry in (others or {}).items() if name not in found}
    hubs = {name: one.service for name, one in _organisations(parts).items()}
    return found | {name: hub for name, hub in hubs.items() if hub and name not in found}


def _organisations(parts: dict[str, Any]) -> Mapping[str, Organisation]:
    file = parts.get(ORGANISATIONS)
    return file.organisations if isinstance(file, Organisations) else NOTHING


def _published(draft: Draft) -> NetworkPlan:
    """The networks, with what organisations publish."""
    if not draft.organisations:
        return draft.network
    return draft.network.model_copy(update={"publish": MappingProxyType(dict(sorted(draft.published.items())))})


def resolved(operator: Operator, folder: Path) -> Operator:
    """The operator's files, told from the rack's folder, as absolute paths."""
    identity, command = identity_file.get() or operator.identity_file, operator.proxy_command
    if identity:
        identity = _absolute(folder, identity)
    if command:
        program = shlex.split(command)[0]
        if "/" in program and command.startswith(program):
            command = shlex.quote(_absolute(folder, program)) + command[len(program):]
    return operator.model_copy(update={"identity_file": identity, "proxy_command": command})


def _absolute(folder: Path, path: str) -> str:
    try:
        return os.path.normpath(folder / Path(path).expanduser())
    except RuntimeError:  # ~NAME of a user that there is not: a check says that there is no such file
        return os.path.normpath(folder / path)
