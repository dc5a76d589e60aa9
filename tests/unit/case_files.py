"""Cases that are folders of files, laid out as on a machine: what a rack gives its machines, compared with what is kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from fabfile.rack import Rack
from fabfile.resources import AptRepository, File, Nftables, RegistryMirrors, Resource
from fabfile.tasks.service_steps import file_server_steps
from fabfile.tasks.steps import bootstrap_steps


def kept(folder: Path) -> dict[str, str]:
    """Path within the case → content."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def keep(folder: Path, texts: Mapping[str, str]) -> None:
    """The case again: these files, and no other."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def given(rack: Rack, name: str) -> dict[str, str]:
    """Path → content, of the files that the first steps give a machine."""
    steps = (*bootstrap_steps(rack)[:2], *file_server_steps(rack)[:1])
    return {file.path.lstrip("/"): str(file.content) for step in steps for machine in step.machines if machine.name == name
            for resource in step.role(rack, machine) for file in _files(resource)}


def changed(before: Rack, after: Rack, name: str) -> dict[str, str]:
    """The files of a machine that are other ones in the second rack, or there only; none is missing in it."""
    former, latter = given(before, name), given(after, name)
    assert set(former) <= set(latter)
    return {path: text for path, text in latter.items() if former.get(path) != text}


def _files(resource: Resource) -> list[File]:
    match resource:
        case File():
            return [resource]
        case Nftables():
            return [resource.file()]
        case AptRepository():
            return [resource.source()]
        case RegistryMirrors():
            return [file for file in resource.files() if isinstance(file, File)]
        case _:
            return []
