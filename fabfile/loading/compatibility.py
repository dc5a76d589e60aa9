"""Compatible versions, from compatibility.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from fabfile.rack.versions import Tested, minor, numbers


@dataclass(frozen=True)
class Matrix:
    """What one part's makers say of it and Kubernetes."""

    part: str  # its key in configs/versions.yaml
    name: str
    source: str
    lowest: Mapping[str, tuple[str, ...]]  # Kubernetes minor -> lowest good version of each minor of the part

    def allows(self, version: str, kubernetes: str) -> bool:
        """Whether the makers name this version of the part with this version of Kubernetes."""
        return any(minor(lowest) == minor(version) and numbers(version) >= numbers(lowest)
                   for lowest in self.lowest.get(minor(kubernetes), ()))

    def advice(self, version: str, kubernetes: str) -> str:
        """What is compatible with this Kubernetes, and else what is compatible with this version."""
        good = self.lowest.get(minor(kubernetes))
        if good:
            return f"Kubernetes {minor(kubernetes)} is compatible with {self.name} {_or(map(_since, good))}"
        others = [name for name in self.lowest if self.allows(version, name)]
        return f"{self.name} {minor(version)} is compatible with Kubernetes {_or(others)}" if others else \
            f"nothing is known of {self.name} {minor(version)} or Kubernetes {minor(kubernetes)}"


def _or(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _since(lowest: str) -> str:
    return minor(lowest) if lowest.endswith(".0") else f"{minor(lowest)} from {lowest}"


@cache
def matrices() -> tuple[Matrix, ...]:
    """Every part that has to go with Kubernetes."""
    data = yaml.safe_load(files("fabfile.loading").joinpath("compatibility.yaml").read_text())
    return tuple(
        Matrix(part, table.get("name", part), table["source"],
               {name: tuple(map(str, good)) for name, good in table["kubernetes"].items()})
        for part, table in data.items())


def unfit(part: str, version: str, kubernetes: str, tested: Iterable[Tested]) -> str:
    """Why this version of a part ("containerd", "calico") does not go with this version of Kubernetes; empty when its
    makers, or this site (tested_here), say that it does."""
    (matrix,) = (one for one in matrices() if one.part == part)
    if matrix.allows(version, kubernetes) or any(same(one, matrix, kubernetes, version) for one in tested):
        return ""
    return matrix.advice(version, kubernetes)


def same(one: Tested, matrix: Matrix, kubernetes: str, version: str) -> bool:
    """Whether an entry of tested_here is about this pair."""
    return one.kubernetes == minor(kubernetes) and getattr(one, matrix.part) == minor(version)
