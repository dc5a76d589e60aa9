"""The end of a run, for a person: one table, a summary, and every error as a paragraph."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from shutil import get_terminal_size

from fabfile.engine.errors import CoopError, Crashed, Interrupted, MachineError, WrongUsage
from fabfile.engine.fault import debugging, traceback
from fabfile.engine.outcome import Result
from fabfile.screen.plan import plan_text
from fabfile.screen.table import table
from fabfile.secret import mask


def ending_text(result: Result) -> str:
    """The table, the sums, the errors and what to do next; the errors alone where bad input ended the run before its plan."""
    if result.exit_code == WrongUsage.exit_code and not (result.plan or any(o.state == "failed" for o in result.machines.values())):
        return "\n".join(map(error_text, result.errors))
    return "\n".join([_table(result), *_sums(result), *_errors(result)])


def action_text(result: Result, spoken: Callable[[str], str]) -> str:
    """What an action said, and what went wrong."""
    said = spoken(result.said).rstrip("\n") if result.said else ""
    return "\n".join([*([said] if said else []), *_errors(result)])


def error_text(error: CoopError) -> str:
    """One error: what, where, its last lines, and a hint."""
    lines = [mask(str(error))]
    if isinstance(error, MachineError):
        if error.command and error.command not in error.problem:
            lines.append(f"    during: {mask(error.command)}")
        lines += [f"    | {mask(line)}" for line in error.tail]
        if error.hint:
            lines += textwrap.wrap(error.hint, min(100, get_terminal_size().columns) - 4,
                                   initial_indent="    ", subsequent_indent="    ")
    if isinstance(error, Interrupted):
        lines += [f"    {machine}: {mask(what)}" for machine, what in error.running.items()]
        lines[0] += "; still running:" if error.running else "; nothing was running"
    if isinstance(error, Crashed) and debugging():
        lines += textwrap.indent(traceback(error), "    ").splitlines()
    return "\n".join(lines)


def _table(result: Result) -> str:
    rows = [(o.machine, o.state, o.changes, f"{o.seconds:.1f}") for o in result.machines.values()]
    return table(("machine", "result", "changes", "seconds"), rows, right=("changes", "seconds"))


def _sums(result: Result) -> Iterator[str]:
    states = [o.state for o in result.machines.values()]
    order = ("unchanged", "differs", "changed", "stopped", "failed", "off")
    counts = ", ".join(f"{states.count(state)} {state}" for state in order if state in states)
    yield ""
    yield (f"{counts}; {result.changes} change{'s' * (result.changes != 1)}{' to make' * result.dry} in "
           f"{result.seconds:.1f} s: {result.critical:.1f} s in commands, {result.own:.1f} s in Coop itself")
    if result.unneeded:
        told = ", ".join(f"{entry.machine}: {entry.resource}" for entry in result.unneeded)
        yield (f"{len(result.unneeded)} planned change{'s were' if len(result.unneeded) > 1 else ' was'} no longer needed, "
               f"because an earlier change had already made it: {told}")
    if result.remaining is not None and not result.remaining:
        apart = " but for the machines that failed" * ("failed" in states)
        yield f"The plan made afterwards is empty{apart}."
    elif result.remaining:
        yield "The plan made afterwards is NOT empty:"
        yield textwrap.indent(plan_text(result.remaining), "    ")


def _errors(result: Result) -> Iterator[str]:
    for told in dict.fromkeys(map(error_text, result.errors)):  # a silent gateway keeps every machine from being heard
        yield ""
        yield told
    if result.errors and not result.dry:
        yield ""
        yield f"To resume: {result.resume}"
