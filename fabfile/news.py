"""News of a rack: findings that somebody was not told yet, that became worse, or that are gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fabfile.finding import Finding, Severity

Key = tuple[str, str, str]  # rule, where, and its words without numbers: one rule may find several things at one place


def key_of(rule: str, where: str, what: str) -> Key:
    """By what a finding is known again."""
    return rule, where, re.sub(r"\d+", "", what)


@dataclass(frozen=True)
class Told:
    """What somebody knows of a finding: its words, and how bad it was."""

    what: str
    harm: Severity


@dataclass(frozen=True)
class News:
    """Findings by rule and place."""

    new: Mapping[Key, Finding] = field(default_factory=dict)
    worse: Mapping[Key, Finding] = field(default_factory=dict)
    gone: Mapping[Key, Told] = field(default_factory=dict)
    less: Mapping[Key, Finding] = field(default_factory=dict)  # less bad than it was told: nobody is told of that

    def __bool__(self) -> bool:
        return bool(self.new or self.worse or self.gone)

    def __and__(self, later: News) -> News:
        """What a later look says too."""
        return News({key: one for key, one in later.new.items() if key in self.new},
                    {key: one for key, one in later.worse.items() if key in self.worse},
                    {key: one for key, one in later.gone.items() if key in self.gone},
                    {key: one for key, one in later.less.items() if key in self.less})


def known(told: Mapping[Key, Told], heard: News) -> dict[Key, Told]:
    """What somebody knows who was told that, too."""
    still = {key: one for key, one in told.items() if key not in heard.gone}
    return still | {key: Told(one.what, one.harm) for key, one in {**heard.new, **heard.worse, **heard.less}.items()}
