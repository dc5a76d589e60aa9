"""What is published, one line a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fabfile.facts.published import Found, Row
from fabfile.screen.hub import table


def as_text(rows: Sequence[Row], found: Mapping[str, Found], nodes: Mapping[str, str]) -> str:
    """Name, way, who answers for the address (`nodes`: MAC → name), what came, and the certificate."""
    if not rows:
        return "nothing is published"
    return table([("name", "public", "service", "node", "answers", "wrong name", "certificate"), *(
        (row.name, row.public, row.address, ", ".join(nodes.get(mac, mac) for mac in found[row.name].macs) or "nobody",
         ", ".join(f"{port}: {said or 'nothing'}" for port, said in found[row.name].answers.items()),
         "refused" if found[row.name].refused else "ANSWERED", _certificate(found[row.name])) for row in rows)])


def _certificate(found: Found) -> str:
    if not found.issuer:
        return "none"
    return f"{found.issuer.rpartition('CN=')[2]}, until {found.until}" + ("" if found.trusted == "yes" else ", not trusted")
