"""What every task that changes machines does: load the rack, run the steps, show it, write it down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.outcome import Result
    from fabfile.engine.step import Step
    from fabfile.rack import Rack


def converge(c: Context, task: str, steps: Callable[[Rack], Iterable[Step]], *, dry: bool = False,
             only: str | None = None, from_: str | None = None, limit: str | None = None,
             json: bool = False) -> Result:
    """Brings machines to what the steps say. Ends the task with 1, 2 or 3 (see Result) unless all is well.

    `task` is what the operator typed after `inv`. On a connection of `fab -H chick1` the machine is the
    limit.
    """
    from fabfile.engine.errors import CoopError
    from fabfile.screen.ending import error_text
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    machine = getattr(c, "machine", None)
    limit = limit or (machine.name if machine is not None else None)
    try:
        result = _run(rack, task, list(steps(rack)), dry, only, from_, limit, json)
    except CoopError as error:
        raise Exit(error_text(error), code=error.exit_code) from None
    except KeyboardInterrupt:
        raise Exit("interrupted", code=130) from None
    if result.exit_code:
        raise Exit(code=result.exit_code)
    return result


def _run(rack: Rack, task: str, steps: Sequence[Step], dry: bool, only: str | None, from_: str | None,
         limit: str | None, json: bool) -> Result:
    import sys

    from fabfile.engine.events import Event
    from fabfile.engine.journal import Journal, result_as_data
    from fabfile.engine.run import run

    journal = Journal(rack.name)
    if json:
        from json import dumps
        result = run(rack, task, steps, dry=dry, only=only, from_=from_, limit=limit, tell=journal)
        print(dumps(result_as_data(result), indent=1, ensure_ascii=False))
        return result

    from fabfile.screen.ending import ending_text
    from fabfile.screen.plan import plan_text
    from fabfile.screen.progress import progress
    with progress(rack.name, sys.stdout) as show:
        def tell(event: Event) -> None:
            journal(event)
            show(event)
        result = run(rack, task, steps, dry=dry, only=only, from_=from_, limit=limit, tell=tell)
    if dry and result.plan:
        print(plan_text(result.plan), end="\n\n")
    print(ending_text(result))
    print(f"To see it again: inv run.show {result.run}")
    return result
