"""A part: one thing the forge makes, known by everything it is made from."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.forge.code import code_of

#: Fills a folder; what it is given is the Job of the part.
Recipe = Callable[[Any], None]


@dataclass(frozen=True, eq=False)
class Part:
    """`recipe` fills a folder from `inputs` (other parts' folders), `files` (of this package) and `settings`.

    Two parts with the same `turn` are never built at the same time.
    """

    name: str
    recipe: Recipe
    inputs: tuple[Part, ...] = ()
    files: tuple[Path, ...] = ()
    #: Any value whose repr says all of it: strings, tuples, frozen dataclasses.
    settings: Any = None
    turn: str | None = None
    #: What is inside, for people and for `Site.versions`.
    versions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """12 hexadecimal digits that change whenever anything this part is made from changes."""
        digest = hashlib.sha256()
        for piece in self._made_from():
            digest.update(len(piece).to_bytes(8) + piece)
        return digest.hexdigest()[:12]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.key}"

    def _made_from(self) -> Iterator[bytes]:
        yield self.name.encode()
        yield self.recipe.__qualname__.encode()
        yield code_of(self.recipe.__module__)
        yield repr(self.settings).encode()
        for file in self.files:
            yield file.name.encode()
            yield file.read_bytes()
        for part in self.inputs:
            yield part.folder.encode()

    def with_inputs(self) -> Iterator[Part]:
        """This part after everything it is made from, each once, in the order in which they are named."""
        seen: set[Part] = set()

        def visit(part: Part) -> Iterator[Part]:
            if part not in seen:
                seen.add(part)
                for needed in part.inputs:
                    yield from visit(needed)
                yield part

        return visit(self)
