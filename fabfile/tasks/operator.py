"""The operators: their accounts on every machine, and their rights in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.task import DRY, JSON, task

if TYPE_CHECKING:
    from invoke import Context


@task(help={
    "dry": DRY,
    "yes": "Approve that accounts end, without asking.",
    "json": JSON,
})
def apply(c: Context, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Apply configs/operators.yaml: who may log in and administer."""
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.steps import operator_steps

    converge(command(), operator_steps, dry=dry, yes=yes, json=json)
