"""Backups on rooster: a cluster without one cannot be made again."""

from __future__ import annotations

from datetime import UTC, datetime

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, rule

OLD = 7  # days

FIX = "inv rack.backup"


@rule()
def backup_old(look: Look) -> Found:
    """The newest whole backup is older than a week; or there is none, of a cluster that is older."""
    rooster = look.rooster
    if rooster is None or not (newest := rooster.text("backup")):
        return
    if newest == "damaged":
        yield Finding("every backup of the cluster is damaged", rooster.name, Severity.DEGRADED, "their checksums differ", fix=FIX)
    elif newest != "none":
        taken = datetime.strptime(newest, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        if (days := int((rooster.now - taken) // 86400)) >= OLD:
            yield Finding(f"the newest whole backup of the cluster is {days} days old", rooster.name, Severity.DEGRADED, newest, fix=FIX)
    # a notice: whoever makes none may back up in another way, and a new rack has nothing to lose yet
    elif rooster.now - _joined(look) >= OLD * 86400:
        yield Finding("there is no backup of the cluster", rooster.name, Severity.NOTICE, fix=FIX)


def _joined(look: Look) -> float:
    """When the first of the nodes joined."""
    joined = [one.created for one in look.api.nodes if one.created] if look.api else []
    return datetime.fromisoformat(min(joined)).timestamp() if joined else float("inf")
