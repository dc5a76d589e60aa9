"""A plan for a person: what differs, machine by machine, with diffs."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.engine.plan import Entry, Plan
from fabfile.secret import mask

_MOST = 60  # lines of one diff
_INTERRUPTS = "      ! interrupts: "


def plan_text(plan: Plan, diffs: bool = True, most: int = 0) -> str:
    """The plan as lines; secrets masked. With `most`, so many lines of it at the most, and whatever it interrupts."""
    lines = list(_lines(plan, diffs))
    if most and len(lines) > most:
        kept = [line for line in lines[most - 1:] if line.startswith(_INTERRUPTS)]
        lines = [*lines[:most - 1], *kept, f"  … {len(lines) - most + 1 - len(kept)} more lines: --dry shows them"]
    return "\n".join(lines)


def _lines(plan: Plan, diffs: bool) -> Iterator[str]:
    if not plan:
        yield "No changes."
        return
    machine = step = ""
    for entry in plan:
        if (entry.step, entry.machine) != (step, machine):
            if step:
                yield ""
            step, machine = entry.step, entry.machine
            yield f"{machine}: {step}"
        yield from _entry(entry, diffs)


def _entry(entry: Entry, diffs: bool) -> Iterator[str]:
    change = entry.change
    yield f"  ~ {entry.resource}: {mask(change.what)}"
    if change.interrupts:
        yield f"{_INTERRUPTS}{mask(change.interrupts)}"
    for want in change.remote_values:
        yield f"      needs {want.shown}"
    for file in change.remote_files:
        yield f"      copies {file.path} from {file.machine}"
    if change.undo:
        yield "      is rolled back automatically unless a new connection confirms it"
    lines = mask(change.diff).splitlines() if diffs else []
    for line in lines[:_MOST]:
        yield f"      {line}"
    if len(lines) > _MOST:
        yield f"      … {len(lines) - _MOST} more lines"
