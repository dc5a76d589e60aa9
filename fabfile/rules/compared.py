"""The findings of a look, compared with those that somebody was told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.news import Key, News, Told, key_of

BUSY = 1800  # seconds for which a task is left to finish what it has interrupted


def news(told: Mapping[Key, Told], found: Collection[Finding], look: Look, least: Severity) -> News:
    """What to tell of a look at a rack. A finding that follows from another is news only when that is gone; one that could not be
    looked for is not gone. While a task changes the rack, nothing is new or worse, unless it runs for long."""
    busy = look.run is not None and look.now - look.run.since < BUSY
    causes = {} if busy else {_key(one): one for one in found if one.harm >= least}
    there = {_key(one): one for one in _all(found)}
    return News({key: one for key, one in causes.items() if key not in told},
                {key: one for key, one in causes.items() if key in told and one.harm > told[key].harm},
                {key: one for key, one in told.items() if key not in there and _was_looked_for(key[1], look)},
                {key: one for key, one in there.items() if key in told and one.harm < told[key].harm})


def _key(finding: Finding) -> Key:
    return key_of(finding.rule, finding.where, finding.what)


def _all(findings: Iterable[Finding]) -> Iterator[Finding]:
    for one in findings:
        yield one
        yield from _all(one.follows)


def _was_looked_for(where: str, look: Look) -> bool:
    """Whether a look that does not find something there has seen all: rooster and the API server answered, and the machine, if it
    is one; and nobody was cut short."""
    answered = where not in look.rack.machines or where in look.off or where in look.machines
    return answered and look.rooster is not None and look.api is not None and not look.cut_short
