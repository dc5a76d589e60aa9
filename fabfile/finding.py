"""A finding: one problem, as every status task and health check reports it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is, for those who use the rack."""

    NOTICE = 1  # as it is meant to be, or soon to be looked at
    DEGRADED = 2  # works, with less than it should
    DOWN = 3  # does not work


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `where` is a machine, a pod, a file; `evidence` what was seen or said; `since` an ISO
    8601 time, where it is known; `fix` what to type; `rule` names the rule that found it; `follows` are the findings that it
    explains, and that are gone when it is fixed."""

    what: str
    where: str
    severity: Severity = Severity.DEGRADED
    evidence: str = ""
    since: str = ""
    fix: str = ""
    rule: str = ""
    follows: tuple[Finding, ...] = ()

    @property
    def harm(self) -> Severity:
        """Its own severity, or the worst of what follows from it."""
        return max([self.severity, *(each.harm for each in self.follows)])


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing is worse than a notice."""
    return all(finding.harm <= Severity.NOTICE for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The same, by harm."""
    return sorted(findings, key=lambda finding: -finding.harm)


def since(seconds: float) -> str:
    """Seconds since 1970 as a finding has them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
