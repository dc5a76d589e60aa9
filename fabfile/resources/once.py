"""What is wanted at one moment of a run, and cannot be asked for at its end."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import ClassVar

from .base import Change, Resource


@dataclass(frozen=True)
class Once(Resource):
    """A resource that is made as any, and is not looked for in the plan after the run: by then what tells of it may be off."""

    lasting: ClassVar[bool] = False
    resource: Resource

    @property
    def name(self) -> str:
        return self.resource.name

    def probe(self) -> str:
        return self.resource.probe()

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        return self.resource.changes(facts, altered)
