"""The common part of all tasks that change machines: load the rack, run the steps, show and record them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.engine.outcome import Result
    from fabfile.engine.step import Step
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Rack


def converge(command: str, steps: Callable[[Rack], Iterable[Step]], *, dry: bool = False,
             only: str | None = None, from_: str | None = None, limit: str | None = None,
             json: bool = False, yes: bool = False, rack: Rack | None = None, typed: Collection[str] = (),
             patience: float = 0.0) -> Result:
    """Brings machines to what the steps say. Ends the task with 1, 2 or 3 (see Result) unless all is well.

    `command` is what the operator types after `inv` to have this again. `yes` agrees to whatever the plan interrupts,
    `typed` to what wants one of these names typed. `patience`: seconds to wait for the rack's lock.
    """
    from fabfile.engine.errors import CoopError
    from fabfile.screen.ending import error_text
    from fabfile.tasks.leader import connected, find_leader, refuse_second_cluster
    from fabfile.tasks.rack import the_rack

    rack = rack or the_rack()
    try:
        with connected(rack) as ways:
            if not rack.leading:
                rack, _ = find_leader(ways)
            wanted = list(steps(rack))
            if len(rack.control_planes) > 1 and not rack.leading and any(step.name == "control plane" for step in wanted):
                refuse_second_cluster(rack, ways)
            result = _run(rack, command, wanted, dry, only, from_, limit, json, yes, typed, ways, patience)
    except CoopError as error:
        raise Exit(error_text(error), code=error.exit_code) from None
    except KeyboardInterrupt:
        raise Exit("interrupted", code=130) from None
    if result.exit_code:
        raise Exit(code=result.exit_code)
    return result


def _run(rack: Rack, command: str, steps: Sequence[Step], dry: bool, only: str | None, from_: str | None,
         limit: str | None, json: bool, yes: bool, typed: Collection[str], ways: SshWays, patience: float) -> Result:
    import sys

    from fabfile.engine.events import Event
    from fabfile.engine.journal import Journal, result_as_data
    from fabfile.engine.run import run
    from fabfile.screen.consent import asked_for, unagreed

    journal = Journal(rack.name, rack.folder)
    if json:
        from json import dumps
        result = run(rack, command, steps, dry=dry, only=only, from_=from_, limit=limit, tell=journal, ways=ways, patience=patience,
                     consent=lambda entries: not unagreed(entries, yes, typed))
        print(dumps(result_as_data(result), indent=1, ensure_ascii=False))
        return result

    from fabfile.screen.ending import ending_text
    from fabfile.screen.plan import plan_text
    from fabfile.screen.progress import progress
    with progress(rack.name, sys.stdout, dry) as show:
        def tell(event: Event) -> None:
            journal(event)
            show(event)

        result = run(rack, command, steps, dry=dry, only=only, from_=from_, limit=limit, tell=tell, ways=ways, patience=patience,
                     consent=asked_for(yes, show.paused, sys.stdin, sys.stdout, typed))
    if dry and result.plan:
        print(plan_text(result.plan), end="\n\n")
    print(ending_text(result))
    print(f"To see it again: inv run.show {result.run}")
    return result
