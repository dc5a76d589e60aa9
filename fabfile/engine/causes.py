"""The causes of failures, from what programs said: one sentence, and what helps. causes.yaml has what each of them says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from fabfile.secret import mask

ANY = "any"


@dataclass(frozen=True)
class Cause:
    """Why something failed or is not coming true. `ends`: waiting does not help."""

    name: str
    says: str
    fix: str
    ends: bool

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True)
class Reader:
    """What is known of one cause: who says it, and in which words."""

    cause: str
    source: str
    pattern: re.Pattern[str]
    says: str
    fix: str
    ends: bool
    sample: str

    def read(self, source: str, line: str) -> Cause | None:
        """The cause, where this line names it. Lines of nobody in particular are read by all."""
        if source not in (ANY, self.source) and self.source != ANY:
            return None
        if (found := self.pattern.search(line)) is None:
            return None
        words = [word.strip().rstrip('\\"') for word in found.groups() if word] + ["", "", ""]
        return Cause(self.cause, " ".join(self.says.format(*words).split()), self.fix, self.ends)


@cache
def readers() -> tuple[Reader, ...]:
    """All that are known, the more particular first."""
    table = yaml.safe_load(files("fabfile.engine").joinpath("causes.yaml").read_text())
    return tuple(Reader(one["cause"], one["from"], re.compile(one["pattern"]), one["says"], one["fix"], one["ends"], one["sample"])
                 for one in table)


def causes(said: str) -> Iterator[Cause]:
    """Every cause that is named in some output, once, those that end a wait first. A line may begin with its source and a tab."""
    found: dict[str, Cause] = {}
    for line in mask(said).splitlines():
        source, tab, text = line.partition("\t")
        if not tab or not re.fullmatch(r"[a-z]+", source):
            source, text = ANY, line
        for reader in readers():
            if cause := reader.read(source, text):
                found.setdefault(cause.name, cause)
                break
    yield from sorted(found.values(), key=lambda cause: not cause.ends)


def cause(said: str) -> Cause | None:
    """The one to be told."""
    return next(causes(said), None)
