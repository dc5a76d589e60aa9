"""What a scan has found on machines, in lines of 100 columns, or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

from fabfile.facts.drift import recorded
from fabfile.finding import Finding, healthy
from fabfile.screen import findings
from fabfile.screen.table import WIDTH

if TYPE_CHECKING:
    from fabfile.engine.errors import MachineError
    from fabfile.facts.drift import Difference
    from fabfile.facts.inventory import Inventory


@dataclass(frozen=True)
class Scan:
    """One scan: by machine what it is and how it differed from hosts.yaml; what is still to be said; who was not asked."""

    seen: Mapping[str, Inventory]
    differences: Mapping[str, Sequence[Difference]]
    findings: Sequence[Finding]
    errors: Mapping[str, MachineError]
    off: Sequence[str]  # as hosts.yaml expects
    written: bool
    diff: str  # what would be written


def diff(before: str, after: str, file: str) -> str:
    """As `diff -u` shows it; empty when nothing differs."""
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), file, f"{file}, changed"))


def as_json(scan: Scan) -> str:
    """Everything, and `healthy` in one word."""
    return json.dumps({
        "machines": {name: {"hardware": one.hardware.model_dump(mode="json", exclude_none=True),
                            "differences": [asdict(each) for each in scan.differences.get(name, ())]}
                     for name, one in scan.seen.items()},
        "findings": findings.as_data(scan.findings), "healthy": healthy(scan.findings),
        "unreachable": {name: str(error) for name, error in scan.errors.items()}, "off": list(scan.off),
        "written": scan.written, "diff": scan.diff}, indent=2, ensure_ascii=False)


def as_text(scan: Scan, compares: bool = False, dry: bool = False) -> str:
    """What was written, or with `dry` would be; what is wrong; who was left out."""
    parts = [scan.diff.rstrip("\n")] if dry and scan.diff else [] if dry or compares else [*_records(scan)]
    if scan.findings:
        parts.append(findings.as_text(scan.findings, WIDTH))
    return "\n".join([*parts, *_others(scan), _summary(scan, compares or dry)])


def _records(scan: Scan) -> Iterator[str]:
    for name, some in scan.differences.items():
        if words := recorded(list(some)):
            yield from textwrap.wrap(f"{name}: {'; '.join(words)}", WIDTH, subsequent_indent="  ")


def _others(scan: Scan) -> Iterator[str]:
    for error in scan.errors.values():
        yield from textwrap.wrap(f"{error.machine} is not scanned, and its lines stay: {error.problem}", WIDTH, subsequent_indent="  ")
        if error.hint:
            yield from textwrap.wrap(error.hint, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name in scan.off:
        yield f"{name} is off, as hosts.yaml expects: not scanned"


def _summary(scan: Scan, unwritten: bool) -> str:
    count = f"{len(scan.seen)} machine{'' if len(scan.seen) == 1 else 's'} scanned"
    if unwritten:
        return f"{count}: {'nothing is lost or swapped' if healthy(scan.findings) else 'not as hosts.yaml says'}; nothing was written"
    return f"{count}; " + ("hosts.yaml has it now" if scan.written else "hosts.yaml has all of it already, and is not written")
