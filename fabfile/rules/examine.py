"""All rules, applied to one look: the findings by harm, each with what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from heapq import merge

from fabfile.facts.look import Look
from fabfile.finding import Finding, worst_first
from fabfile.rules import (
    backups,
    certificates,
    control_plane,
    disks,
    etcd,
    file_server,
    gateway,
    gpus,
    hub,
    machines,
    names,
    network,
    nodes,
    packages,
    pods,
    publishing,
    runs,
    storage,
    time,
)
from fabfile.rules.rule import Rule

# causes before what follows from them: of two that explain a finding, the first is named
_SUBJECTS = (machines, file_server, disks, time, packages, certificates, gateway, etcd, control_plane, nodes, gpus, network, names, pods,
             storage, backups, publishing, hub, runs)
RULES: tuple[Rule, ...] = tuple(rule for subject in _SUBJECTS for rule in vars(subject).values() if isinstance(rule, Rule))


def examine(look: Look, subjects: Collection[str] = ()) -> list[Finding]:
    """What is wrong, worst first; what follows from something else is in its `follows`. `subjects`: these alone; none: all."""
    return worst_first(fold([replace(finding, rule=rule.name) for rule in RULES if not subjects or rule.subject in subjects
                             for finding in rule.find(look)]))


def fold(findings: Sequence[Finding], rules: Iterable[Rule] = RULES) -> list[Finding]:
    """The findings that no other explains, each with all that it explains, whether directly or not."""
    by_name = {rule.name: rule for rule in rules}
    everywhere: dict[str, list[int]] = {}  # rule → the findings that explain its own, wherever they are
    here: dict[tuple[str, str], list[int]] = {}  # the same, of one place
    for number, finding in enumerate(findings):
        for name in by_name[finding.rule].everywhere:
            everywhere.setdefault(name, []).append(number)
        for name in by_name[finding.rule].here:
            here.setdefault((name, finding.where), []).append(number)
    under: dict[int, int] = {}
    for number, finding in enumerate(findings):
        causes = merge(everywhere.get(finding.rule, ()), here.get((finding.rule, finding.where), ()))
        cause = next((other for other in causes if other != number and _root(under, other) != number), None)
        if cause is not None:
            under[number] = cause
    follows: dict[int, list[Finding]] = {}
    for number, finding in enumerate(findings):
        if number in under:
            follows.setdefault(_root(under, number), []).append(finding)
    return [replace(finding, follows=tuple(follows.get(number, ()))) for number, finding in enumerate(findings)
            if number not in under]


def _root(under: dict[int, int], number: int) -> int:
    while number in under:
        number = under[number]
    return number
