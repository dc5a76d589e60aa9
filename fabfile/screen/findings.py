"""Findings for a person, worst first, and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from fabfile.finding import Finding, Severity, worst_first

_MARKS = {Severity.NOTICE: "-", Severity.DEGRADED: "!", Severity.DOWN: "!!"}


def as_data(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """For JSON; the severity by its name."""
    return [asdict(finding) | {"severity": finding.severity.name.lower(), "harm": finding.harm.name.lower(),
                               "follows": as_data(finding.follows)} for finding in worst_first(findings)]


def as_text(findings: Iterable[Finding], width: int = 100) -> str:
    """A paragraph each: what, since when, why, what to type, and what follows from it."""
    return "\n".join(line for finding in worst_first(findings) for line in _lines(finding, width))


def _lines(finding: Finding, width: int) -> Iterator[str]:
    since = f" since {finding.since[:19].replace('T', ' ')} UTC" if finding.since else ""
    yield from textwrap.wrap(f"{_MARKS[finding.harm]:<2} {finding.what}{since}", width, subsequent_indent="   ")
    if finding.evidence:
        yield from textwrap.wrap(finding.evidence, width, initial_indent="   | ", subsequent_indent="   | ")
    if finding.fix:
        yield from textwrap.wrap(finding.fix, width, initial_indent="   ", subsequent_indent="   ")
    if finding.follows:
        told = "; ".join(dict.fromkeys(each.what for each in finding.follows))
        yield from textwrap.wrap(f"so: {told}", width, initial_indent="   ", subsequent_indent="   ")
