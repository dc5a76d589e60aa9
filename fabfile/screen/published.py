"""What is published, one line a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fabfile.facts.published import PublishedState, Row
from fabfile.screen.table import table


def as_text(rows: Sequence[Row], found: Mapping[str, PublishedState], nodes: Mapping[str, str]) -> str:
    """Name, way, who answers for the address (`nodes`: MAC → name), what came, and the certificate."""
    if not rows:
        return "nothing is published"
    heads = ("name", "public", "service", "node", "answers", "wrong name", "certificate")
    seen = [(row.name, row.public, row.address, *_seen(found[row.name], nodes)) for row in rows]
    return table(heads, seen)


def _seen(found: PublishedState, nodes: Mapping[str, str]) -> tuple[str, ...]:
    answers = ", ".join(f"{port}: {said or 'nothing'}" for port, said in found.answers.items())
    return (", ".join(nodes.get(mac, mac) for mac in found.macs) or "nobody", answers,
            "refused" if found.refused else "ANSWERED", _certificate(found))


def _certificate(found: PublishedState) -> str:
    if not found.issuer:
        return "none"
    trust = "" if found.trusted == "yes" else ", not trusted"
    return f"{found.issuer.rpartition('CN=')[2]}, until {found.until}{trust}"
