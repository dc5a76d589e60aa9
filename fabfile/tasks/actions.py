"""Actions: commands that an operator runs by name, such as a restart, a rollback, or a new user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.outcome import Result
    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack


def act(rack: Rack, machine: Machine, what: str, script: str, *, limit: float = 60.0, long: bool = False,
        interrupts: str = "", yes: bool = False, format_output: Callable[[str], str] = str, patience: float = 0.0) -> Result:
    """Runs a script on one machine as a run of its own: with the rack's lock, after what an earlier run left at
    work there, kept in the journal. Prints its output, formatted by `format_output`; ends the task as a run does.

    `what` says it in words ("restart the hub"). The script is POSIX shell text with `set -e`; a `long` one outlives
    a lost connection. `interrupts`, if given, wants consent: who loses what. `patience`: seconds to wait for the lock.
    """
    from fabfile.engine.step import Step
    from fabfile.resources.action import Action

    action = Action(what, script, long, limit, interrupts)
    return perform(rack, [Step(what, (machine,), lambda rack, machine: [action])], yes=yes, format_output=format_output,
                   patience=patience)


def perform(rack: Rack, steps: Sequence[Step], *, yes: bool = False, format_output: Callable[[str], str] = str,
            patience: float = 0.0) -> Result:
    """The same for steps of actions, on several machines: what they say is one text."""
    from invoke import Exit

    from fabfile.engine.events import Event
    from fabfile.engine.journal import Journal
    from fabfile.engine.run import run
    from fabfile.screen.consent import asked_for
    from fabfile.screen.ending import action_text
    from fabfile.screen.progress import Notices, progress
    from fabfile.tasks.command_line import command

    journal = Journal(rack.name, rack.folder)
    with progress(rack.name, sys.stdout) as board:
        show = board if sys.stdout.isatty() else Notices(sys.stderr)

        def tell(event: Event) -> None:
            journal(event)
            show(event)

        result = run(rack, command(), steps, tell=tell, patience=patience,
                     consent=asked_for(yes, board.paused, sys.stdin, sys.stdout))
    if text := action_text(result, format_output):
        print(text)
    if result.exit_code:
        raise Exit(code=result.exit_code)
    return result
