"""The node that an operator names: what is none ends the task with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack


def a_chick(rack: Rack, name: str) -> Machine:
    """The chick of that name; the task ends with code 2 when it is something else."""
    from fabfile.rack import RackProblems

    try:
        machine = rack.machine(name)
    except RackProblems as told:
        raise Exit(str(told), code=2) from None
    if machine not in rack.chicks:
        raise Exit(f"{name} is not a node: {', '.join(chick.name for chick in rack.chicks)} are", code=2)
    return machine


def a_present_chick(rack: Rack, name: str) -> Machine:
    """The same; the task ends with code 2 when it is meant to be off."""
    machine = a_chick(rack, name)
    if machine.expected_off:
        raise Exit(f"hosts.yaml expects {name} to be off: remove `expect: off` first", code=2)
    return machine
