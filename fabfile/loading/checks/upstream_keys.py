"""A key that upstream does not know is a typo: kubelet would not start, Calico would drop it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import CLUSTER, HOSTS
from fabfile.rack.reading import Path
from fabfile.rack.spelling import likest
from fabfile.rack.versions import minor, numbers

ANY = "*"  # a mapping of any keys
Known = Mapping[str, Any]  # key: None (a plain value), ANY, Known (a mapping), [Known] (a list of mappings)


@cache
def tables() -> dict[str, dict[str, Any]]:
    """For kubernetes and calico: the minor that its table is of, and what each of its documents may hold."""
    data = yaml.safe_load(files("fabfile.loading").joinpath("upstream_keys.yaml").read_text())
    return {part: {key: _known(value) if isinstance(value, list) else value for key, value in table.items()}
            for part, table in data.items()}


def _known(items: list[Any]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for item in items:
        if isinstance(item, str):
            name, dot, _ = item.partition(".")
            known[name] = ANY if dot else None
        else:
            for name, inner in item.items():
                known[name.removesuffix("[]")] = [_known(inner)] if name.endswith("[]") else _known(inner)
    return known


def keys_are_upstreams(draft: Draft) -> Iterator[Wrong]:
    """Told for the minor that the table is of; for Calico, whose objects only grow, for earlier ones too."""
    cluster, versions = draft.cluster, draft.versions
    kubernetes, calico = tables()["kubernetes"], tables()["calico"]
    if versions.kubernetes and versions.kubernetes.minor == kubernetes["minor"]:
        written: dict[Path, Any] = {
            (name,): getattr(cluster, name) for name in ("KubeletConfiguration", "KubeProxyConfiguration")}
        if cluster.kubeadm:
            written |= {("kubeadm", name): tree for name, tree in cluster.kubeadm}
        whose = f"Kubernetes {kubernetes['minor']}"
        yield from _unknown(CLUSTER, written, kubernetes, whose)
        yield from _unknown(HOSTS, {("machines", machine.name, "KubeletConfiguration"): machine.KubeletConfiguration
                                    for machine in draft.machines.values()}, kubernetes, whose)
    if not (versions.calico and cluster.calico):
        return
    if numbers(minor(versions.calico.version)) <= numbers(calico["minor"]):
        written = {("calico", name): tree for name, tree in cluster.calico if name in calico}
        yield from _unknown(CLUSTER, written, calico, "Calico")


def _unknown(file: str, written: Mapping[Path, Any], table: Known, whose: str) -> Iterator[Wrong]:
    for path, tree in written.items():
        yield from _below(file, path, tree or {}, table[str(path[-1])], whose)


def _below(file: str, path: Path, value: object, known: Any, whose: str) -> Iterator[Wrong]:
    if known is None or known == ANY:
        return
    if isinstance(known, list):
        for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
            yield from _below(file, (*path, index), item, known[0], whose)
        return
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        if key in known:
            yield from _below(file, (*path, key), inner, known[key], whose)
        else:
            near = likest(key, known)
            yield Wrong(file, (*path, key), "unknown key",
                        f"did you mean {near}?" if near else f"{whose} has no such key here")


ALL = (keys_are_upstreams,)
