"""The pods of a node that is to be removed, on a screen of 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from fabfile.facts.leaving import Leaving


def as_text(leaving: Leaving) -> str:
    """One sentence about the machine, and its pods with their owners."""
    console = Console(width=100, highlight=False)
    with console.capture() as captured:
        state = "dead" if leaving.dead else "not reachable" if leaving.unreachable else "alive"
        member = "not in the cluster" if not leaving.known else "Ready" if leaving.ready else "not Ready"
        console.print(f"{leaving.machine} is {state}, {member}; "
                      f"{len(leaving.pods) or 'no'} pods would leave it")
        if leaving.pods:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for heading in ("namespace", "pod", "started again by"):
                table.add_column(heading, overflow="fold")
            for pod in leaving.pods:
                table.add_row(pod.namespace, pod.name, pod.owner or "[red]nobody[/]")
            console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
