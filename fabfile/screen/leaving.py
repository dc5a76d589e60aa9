"""The pods of a node that is to be removed, on a screen of 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from fabfile.screen.table import ruled_table

if TYPE_CHECKING:
    from fabfile.facts.leaving import Leaving


def as_text(leaving: Leaving) -> str:
    """One sentence about the machine, and its pods with their owners."""
    state = "dead" if leaving.dead else "not reachable" if leaving.unreachable else "alive"
    member = "not in the cluster" if not leaving.known else "Ready" if leaving.ready else "not Ready"
    about = f"{leaving.machine} is {state}, {member}; {len(leaving.pods) or 'no'} pods would leave it"
    if not leaving.pods:
        return about
    rows = [(pod.namespace, pod.name, pod.owner or Text("nobody", "red")) for pod in leaving.pods]
    return f"{about}\n{ruled_table(('namespace', 'pod', 'started again by'), rows)}"
