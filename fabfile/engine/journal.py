"""The journal: what every run did, stored on the operator's computer: one file a run, one JSON object a line, no secrets.

    $XDG_STATE_HOME/coop/RACK/runs/20261123-202502-a18e.jsonl

Runs of another folder whose rack has the same name, a copy for trying things, lie beside: the first line has the folder, too.
Each line has `at` (seconds since 1970) and `event`: began, connected, adopted, noticed, probed, planned,
not_needed, step_began, ran, said, changed, held, failed, stopped, step_ended, verified, ended. A run that was killed has no
`ended`; one that is running holds a lock on its file.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from fabfile.engine import events
from fabfile.engine.errors import MachineError, WrongUsage
from fabfile.engine.outcome import Result
from fabfile.engine.plan import Plan
from fabfile.secret import mask

_NAMES = {
    events.Began: "began", events.Connected: "connected", events.Adopted: "adopted",
    events.Noticed: "noticed", events.Probed: "probed", events.Planned: "planned",
    events.NotNeeded: "not_needed", events.Stopped: "stopped", events.Verified: "verified", events.Said: "said",
    events.StepBegan: "step_began", events.Ran: "ran", events.Changed: "changed", events.Held: "held",
    events.Failed: "failed", events.StepEnded: "step_ended", events.Ended: "ended",
}


def folder(rack: str) -> Path:
    """Where the runs of the rack of this name are kept."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "coop" / rack / "runs"


class Journal:
    """A listener of a run's events that writes them down, each at once: of a killed run, everything until then is there."""

    def __init__(self, rack: str, files: Path | None = None):
        """`files`: the folder of the rack's files."""
        self._folder = folder(rack)
        self._files = str(files or "")
        self._file: TextIO | None = None

    def __call__(self, event: events.Event) -> None:
        kind = _NAMES.get(type(event))
        if kind is None:
            return  # what only moves on a screen
        if isinstance(event, events.Began):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{event.run}.jsonl"
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "a")
            with suppress(OSError):  # where no locks are kept, whether a run is running is not known
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert self._file is not None
        record = {"at": round(time.time(), 3), "event": kind, **_record(event)}
        if isinstance(event, events.Began):
            record["folder"] = self._files
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()
        if isinstance(event, events.Ended):
            self._file.close()


@dataclass(frozen=True)
class Kept:
    """One run as the journal has it."""

    run: str
    records: tuple[dict[str, Any], ...]
    at_work: bool | None = False  # its journal is still held by it; None: this cannot be told here

    def of(self, event: str) -> list[dict[str, Any]]:
        """The records of one kind."""
        return [record for record in self.records if record["event"] == event]

    @property
    def began(self) -> dict[str, Any]:
        return self.records[0]

    @property
    def folder(self) -> str:
        """That of the rack's files; "" where an older Coop has not said so."""
        return str(self.began.get("folder", ""))

    @property
    def ended(self) -> dict[str, Any] | None:
        """None when the run was killed, or is running: see `at_work`."""
        return self.records[-1] if self.records[-1]["event"] == "ended" else None


def kept(rack: str) -> Iterator[Kept]:
    """Every run of a rack, the newest first."""
    for path in sorted(folder(rack).glob("*.jsonl"), reverse=True):
        if records := _records(path):
            yield Kept(path.stem, records, records[-1]["event"] != "ended" and _is_held(path))


def find(rack: str, run: str, files: Path | None = None) -> Kept:
    """The run whose name begins or ends with this; "last" is the newest of this folder's. Raises WrongUsage."""
    for each in kept(rack):
        own = not (files and each.folder) or each.folder == str(files)
        if (run == "last" and own) or each.run.startswith(run) or each.run.endswith(run):
            return each
    raise WrongUsage(f"rack {rack} has had no run yet from this folder" if run == "last" else
                     f"the journal of rack {rack} has no run {run!r}")


def _records(path: Path) -> tuple[dict[str, Any], ...]:
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:  # the last line of a run that was killed while it wrote
            break
    return tuple(records)


def _is_held(path: Path) -> bool | None:
    """Whether the run that writes this journal still has it open."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
    return False


def _record(event: events.Event) -> dict[str, Any]:
    if isinstance(event, events.Planned):
        return {"closing": event.closing, "changes": plan_as_data(event.plan)}
    if isinstance(event, events.Failed):
        return {"machine": event.machine, "step": event.step, **error_as_data(event.error)}
    if isinstance(event, events.Ended):
        return result_as_data(event.result, with_plan=False)
    fields = asdict(event).items()
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in fields}


def plan_as_data(plan: Plan) -> list[dict[str, str]]:
    """A plan for JSON."""
    return [{"machine": e.machine, "step": e.step, "resource": e.resource, "what": mask(e.change.what),
             "interrupts": mask(e.change.interrupts), "diff": mask(e.change.diff)} for e in plan]


def error_as_data(error: Exception) -> dict[str, Any]:
    """An error for JSON."""
    data: dict[str, Any] = {"kind": type(error).__name__, "problem": mask(str(error))}
    if isinstance(error, MachineError):
        data |= {"machine": error.machine, "step": error.step, "resource": error.resource,
                 "command": mask(error.command), "code": error.code,
                 "tail": [mask(line) for line in error.tail], "hint": error.hint}
    return data


def result_as_data(result: Result, with_plan: bool = True) -> dict[str, Any]:
    """A result for JSON: `--json` prints it; the journal, which has the plan already, ends with it."""
    data: dict[str, Any] = {
        "run": result.run, "task": result.task, "dry": result.dry, "exit_code": result.exit_code,
        "changes": result.changes, "seconds": round(result.seconds, 3), "critical": round(result.critical, 3),
        "own": round(result.own, 3), "resume": result.resume,
        "machines": {o.machine: {"state": o.state, "changes": o.changes, "seconds": round(o.seconds, 3),
                                 "commands": round(o.commands, 3), "round_trips": o.round_trips}
                     for o in result.machines.values()},
        "errors": [error_as_data(error) for error in result.errors], "running": dict(result.running),
        "unneeded": [{"machine": e.machine, "step": e.step, "resource": e.resource} for e in result.unneeded],
        "remaining": None if result.remaining is None else plan_as_data(result.remaining),
    }
    return data | {"plan": plan_as_data(result.plan)} if with_plan else data
