"""Kubernetes objects: vendors' manifests as published, changed only by patches; and the rack's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack.versions import Manifest
from fabfile.resources import Command, Download, File, KubernetesObjects, Resource
from fabfile.resources.pruned_objects import MARK

FOLDER = "/etc/coop/manifests"
Document = dict[str, Any]
Role = Callable[[Rack, Machine], Iterable[Resource]]


def vendors(name: str, manifest: Manifest, patches: Mapping[str, Document],
            beside: Mapping[str, Document] | None = None, then: Command | None = None) -> Iterator[Resource]:
    """The manifest at its pinned version, patched, and what it looks for beside it: file name → document. `then` is run
    when it was applied."""
    folder = f"{FOLDER}/{name}"
    path = f"{folder}/{manifest.manifest.rpartition('/')[2]}"
    yield Download(manifest.manifest, manifest.sha256, path)
    beside = beside or {}
    mark = re.sub("[^A-Za-z0-9_.-]", "_", f"{name}.{manifest.version}")
    files = {"kustomization.yaml": kustomization(mark, [*beside, path.rpartition("/")[2]], list(patches)),
             **{file: dump(document) for file, document in {**beside, **patches}.items()}}
    yield from (File(f"{folder}/{file}", content) for file, content in files.items())
    yield KubernetesObjects(name, folder, files=(path, *(f"{folder}/{file}" for file in files)), mark=mark,
                            then=then)


def own(name: str, objects: Sequence[Document], marked: bool = True) -> Iterator[Resource]:
    """Objects of the rack's own; `marked` unless none of them can ever leave the files."""
    folder, mark = f"{FOLDER}/{name}", name if marked else ""
    files = {f"{folder}/kustomization.yaml": kustomization(mark, ["objects.yaml"], []),
             f"{folder}/objects.yaml": yaml.safe_dump_all(objects, sort_keys=False)}
    yield from (File(path, content) for path, content in files.items())
    yield KubernetesObjects(name, folder, files=tuple(files), mark=mark, objects=tuple(map(object_text, objects)))


def files_of(roles: Iterable[Role], rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The files of these roles alone, for a control plane that the cluster may once be asked through: nothing is to be
    applied again only because another one was asked before."""
    return (one for role in roles for one in role(rack, machine) if isinstance(one, (Download, File)))


def dump(document: Document) -> str:
    """One document, its keys in the order that they have."""
    return yaml.safe_dump(document, sort_keys=False)


def object_text(document: Document) -> str:
    """"StorageClass homes", "IPAddressPool metallb-system/rack"."""
    metadata = document["metadata"]
    return f"{document['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"


def kustomization(mark: str, resources: list[str], patches: list[str]) -> str:
    """Every object bears the mark, if there is one: by it those that leave the files are known."""
    labels = {"labels": [{"pairs": {MARK: mark}}]} if mark else {}
    paths = {"patches": [{"path": path} for path in patches]} if patches else {}
    return dump({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources,
        **labels, **paths
    })
