"""Versions must be compatible, and addresses must contain the version next to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fabfile.loading.compatibility import matrices, same
from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import VERSIONS
from fabfile.rack.versions import minor


def package_is_of_the_version(draft: Draft) -> Iterator[Wrong]:
    kubernetes = draft.versions.kubernetes
    if kubernetes and not re.fullmatch(re.escape(kubernetes.version) + r"-[0-9.]+", kubernetes.package):
        yield Wrong(VERSIONS, ("kubernetes", "package"),
                    f"{kubernetes.package!r} is no package of {kubernetes.version}",
                    f"the version and Debian's revision, such as {kubernetes.version}-1.1")


def repository_is_of_the_minor(draft: Draft) -> Iterator[Wrong]:
    kubernetes = draft.versions.kubernetes
    for key in ("repository", "key") if kubernetes else ():
        held = re.search(r"/v([0-9]+\.[0-9]+)/", getattr(kubernetes, key))
        if held and held[1] != kubernetes.minor:
            yield Wrong(VERSIONS, ("kubernetes", key),
                        f"holds Kubernetes {held[1]}, not {kubernetes.version}",
                        f"every minor has its own: /v{kubernetes.minor}/")


def calico_is_of_the_tag(draft: Draft) -> Iterator[Wrong]:
    calico = draft.versions.calico
    if not calico:
        return
    addresses: dict[tuple[str, ...], str] = {("manifest",): calico.manifest}
    if calico.calicoctl:
        addresses["calicoctl", "url"] = calico.calicoctl.url
    for path, address in addresses.items():
        held = re.search(r"/(v[0-9]+\.[0-9]+\.[0-9]+)/", address)
        if held and held[1] != calico.version:
            yield Wrong(VERSIONS, ("calico", *path), f"is of Calico {held[1]}, not {calico.version}",
                        "its sha256 changes with it")


def versions_go_together(draft: Draft) -> Iterator[Wrong]:
    kubernetes, tested = draft.versions.kubernetes, draft.versions.tested_here or ()
    for matrix in matrices():
        part = getattr(draft.versions, matrix.part)
        if not (part and kubernetes) or matrix.allows(part.version, kubernetes.version):
            continue
        if not any(same(one, matrix, kubernetes.version, part.version) for one in tested):
            advice = matrix.advice(part.version, kubernetes.version)
            yield Wrong(
                VERSIONS, (matrix.part, "version"),
                f"{matrix.name} {minor(part.version)} is not known to be compatible with Kubernetes {kubernetes.minor}",
                f"{advice}; if you have tested it, say so in tested_here")


def tested_here_says_something(draft: Draft) -> Iterator[Wrong]:
    """Every entry allows a pair that this rack has and that the makers do not name; else it only misleads."""
    kubernetes = draft.versions.kubernetes
    for index, one in enumerate(draft.versions.tested_here or ()):
        at = ("tested_here", index)
        pairs = [matrix for matrix in matrices() if getattr(one, matrix.part)]
        if len(pairs) != 1:
            yield Wrong(VERSIONS, at, "is not one pair", "kubernetes, and one of "
                        f"{', '.join(matrix.part for matrix in matrices())}")
            continue
        part = getattr(draft.versions, pairs[0].part)
        if not (part and kubernetes):
            continue
        if not same(one, pairs[0], kubernetes.version, part.version):
            said, there = getattr(one, pairs[0].part), minor(part.version)
            yield Wrong(
                VERSIONS, at, f"names {pairs[0].name} {said} with Kubernetes {one.kubernetes}, "
                f"the rack has {there} with {kubernetes.minor}", "remove it")
        elif pairs[0].allows(part.version, kubernetes.version):
            yield Wrong(VERSIONS, at, "the vendors test this pair", "remove it")


ALL = (package_is_of_the_version, repository_is_of_the_minor, calico_is_of_the_tag, versions_go_together,
       tested_here_says_something)
