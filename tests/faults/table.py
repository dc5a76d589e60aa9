"""What was broken, how often, and what came of it: for a person, by kind of fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from points import KINDS
from trial import Trial

HEAD = ("fault", "points", "as undisturbed", "run failed", "told after", "adopted", "next run")


def as_text(trials: Sequence[Trial]) -> str:
    """A table for each task in Markdown, and every trial that proved something wrong."""
    tables = (table(task, [trial for trial in trials if trial.task == task])
              for task in dict.fromkeys(trial.task for trial in trials))
    return "\n".join(["", *tables, *(trial.summary() for trial in trials if trial.wrong)])


def table(task: str, trials: Sequence[Trial]) -> str:
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [row(kind, [trial for trial in trials if trial.kind == kind]) for kind in KINDS
             if any(trial.kind == kind for trial in trials)]
    rows.append(row("all", trials))
    return "\n".join([f"{task}:", "", *(f"| {' | '.join(cells)} |" for cells in rows), ""])


def row(kind: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    """`told after`: the longest that was waited for the first word about it. `next run`: its seconds, most."""
    noticed = [trial.noticed for trial in trials if trial.noticed is not None]
    return (kind, str(len(trials)), str(sum(not trial.wrong for trial in trials)),
            str(sum(trial.code == 1 for trial in trials)), most(noticed),
            str(sum(trial.adopted for trial in trials)), most(trial.again for trial in trials))


def most(seconds: Iterable[float]) -> str:
    found = [*seconds]
    return f"{max(found):.1f} s" if found else ""
