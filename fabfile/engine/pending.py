"""The markers on machines that a step has changed something and is not verified yet (resources/pending.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fabfile.engine.errors import MachineError
from fabfile.engine.fleet import Fleet, HostSession
from fabfile.engine.parallel import each
from fabfile.engine.shell import Guard, ShellCommand
from fabfile.resources.pending import PendingVerification

if TYPE_CHECKING:
    from fabfile.rack import Machine


def note(session: HostSession, step: str) -> None:
    """Writes the marker before the changes, in the same write: if it cannot be written, they are not made."""
    machine, shown = session.machine.name, f"note that {step} is to be verified"
    session.shell.guard(Guard("", ShellCommand(PendingVerification(step).note(), shown=shown), lambda answer: MachineError(
        machine, "nothing can be written there", step=step, command=shown, code=answer.code,
        hint="is its disk full, or read-only?")))


def clear(fleet: Fleet, step: str, machines: Iterable[Machine]) -> Mapping[str, MachineError]:
    """Removes the markers from these machines; returns those where that failed."""
    by_name = {machine.name: machine for machine in machines}
    shown = f"note that {step} is verified"

    def take_away(name: str) -> None:
        with fleet.at(by_name[name], shown) as session:
            session.shell.ask(PendingVerification(step).clear(), shown=shown)

    return each(take_away, by_name)[1]
