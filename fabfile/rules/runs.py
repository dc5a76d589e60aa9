"""Tasks that change the rack while it is looked at."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity, since
from fabfile.rules.rule import Found, rule


@rule()
def task_runs(look: Look) -> Found:
    """A task is changing the rack: what it interrupts may be found as well, and is over when it ends."""
    if look.run:
        yield Finding(f"inv {look.run.task} runs, typed by {look.run.who}", look.rack.gateway.name, Severity.NOTICE,
                      "what it interrupts may be found, too", since(look.run.since), "look again when it has ended")
