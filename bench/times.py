"""Where the time of a run went: by its journal, step by step, with the critical path.

    python -m bench.times [--rack NAME] [RUN...]     the rack of COOP_RACK, and its newest run, by default

A run's own time is what it took above the commands that it had to run: on each step's slowest machine, and
until the step's checks held.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
WIDTH = 60  # characters that are shown of a command
SHOWN = 3  # of a path, the parts that take longest


@dataclass(frozen=True)
class Part:
    """One thing that was waited for."""

    machine: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Stage:
    """One stretch of a run. `path`: what the slowest machine did in it, in order."""

    name: str
    seconds: float
    commands: float  # of these: commands and waits on the path
    path: tuple[Part, ...]

    @property
    def own(self) -> float:
        return max(0.0, self.seconds - self.commands)


@dataclass(frozen=True)
class Times:
    """A whole run. Stages overlap: steps that do not need each other are made, and verified, at the same time."""

    run: str
    task: str
    changes: int
    seconds: float
    commands: float
    stages: tuple[Stage, ...]

    @property
    def own(self) -> float:
        return max(0.0, self.seconds - self.commands)


def times(records: Sequence[Record]) -> Times:
    """What a run that has ended spent, from its journal. ValueError if it was killed, or is running.

    What it took to look at steps that had nothing to do is in the last stage.
    """
    if not records or records[-1]["event"] != "ended":
        raise ValueError("the run has not ended")
    began, ended = records[0], records[-1]
    planned = next((record for record in records if record["event"] == "planned"), ended)
    looking = _until(records, planned)
    stages = [Stage("look", planned["at"] - began["at"], _slowest(looking).seconds, _look_path(looking))]
    for index, record in enumerate(records):
        if record["event"] in ("step_ended", "verified"):
            name = record["step"] + ", verified" * (record["event"] == "verified")
            stages.append(Stage(name, record["seconds"], record["critical"],
                                _step_path(records[:index], record["step"], record["event"])))
    last = _slowest([record for record in records if record not in looking])
    if planned is not ended and ended["changes"]:
        closing = ended["at"] - max(record["at"] for record in records if record["event"] in ("step_ended", "verified"))
        stages.append(Stage("look again", closing, min(closing, last.seconds), (last,)))
    return Times(began["run"], began["task"], ended["changes"], ended["seconds"], ended["critical"],
                 tuple(stages))


def _until(records: Sequence[Record], end: Record) -> Sequence[Record]:
    return records[:[*records].index(end)]


def _slowest(records: Sequence[Record]) -> Part:
    """The machine whose probes of all steps took longest."""
    looks = [record for record in records if record["event"] == "probed" and not record["step"]]
    if not looks:
        return Part("", "nothing was looked at", 0.0)
    slowest = max(looks, key=lambda record: record["seconds"])
    return Part(slowest["machine"], f"{slowest['probes']} probes", slowest["seconds"])


def _look_path(records: Sequence[Record]) -> tuple[Part, ...]:
    """The connection that took longest: it is no command, but mostly waiting; and the probes."""
    connects = [record for record in records if record["event"] == "connected"]
    if not connects:
        return (_slowest(records),)
    slowest = max(connects, key=lambda record: record["seconds"])
    return Part(slowest["machine"], "connection", slowest["seconds"]), _slowest(records)


def _step_path(records: Sequence[Record], step: str, event: str) -> tuple[Part, ...]:
    """The commands of the machine that took longest over them; of a verification, the check that held last."""
    of_step = [record for record in records if record.get("step") == step]
    spent: dict[str, float] = defaultdict(float)
    for record in of_step:
        if record["event"] == "ran":
            spent[record["machine"]] += record["seconds"]
    slowest = max(spent, key=spent.__getitem__, default="")
    path = [Part(slowest, record["command"], record["seconds"]) for record in of_step
            if record["event"] == "ran" and record["machine"] == slowest]
    if event == "verified":
        held = [record for record in of_step if record["event"] == "held"]
        last = max(held, key=lambda record: record["seconds"], default=None)
        return (Part(last["machine"], f"until {last['what']}", last["seconds"]),) if last else ()
    return tuple(path)


def as_markdown(spent: Times) -> Iterator[str]:
    """One table, and what it comes to."""
    yield (f"`{spent.task}`, {spent.changes} changes in {spent.seconds:.1f} s: {spent.commands:.1f} s of "
           f"commands and waits on the critical path, {spent.own:.2f} s in Coop itself beside them{_share(spent)}\n")
    yield "| step | seconds | of these commands | Coop's own | the path, what takes longest |"
    yield "|---|---:|---:|---:|---|"
    for stage in spent.stages:
        longest = sorted(stage.path, key=lambda part: -part.seconds)[:SHOWN]
        path = "; ".join(f"{part.machine}: {_shown(part.what)} ({part.seconds:.1f})"
                         for part in stage.path if part in longest and part.machine)
        yield f"| {stage.name} | {stage.seconds:.1f} | {stage.commands:.1f} | {stage.own:.2f} | {path} |"


def _shown(what: str) -> str:
    """As much as a cell of a table takes."""
    line = what.partition("\n")[0].replace("|", "¦")
    return line if len(line) <= WIDTH else line[:WIDTH - 1] + "…"


def _share(spent: Times) -> str:
    return f" ({100 * spent.own / spent.commands:.1f} %)" if spent.commands and spent.changes else ""


def main() -> None:
    from fabfile.engine.errors import WrongUsage
    from fabfile.engine.journal import find
    from fabfile.loading import load

    parser = argparse.ArgumentParser("python -m bench.times", description="Says where the time of runs went.")
    parser.add_argument("--rack", help="the name in its hosts.yaml; the rack of COOP_RACK by default")
    parser.add_argument("runs", nargs="*", default=["last"], help="as run.list names them")
    chosen = parser.parse_args()
    rack = chosen.rack or load().name
    for run in chosen.runs:
        try:
            print("\n".join([*as_markdown(times(find(rack, run).records)), ""]))
        except (ValueError, WrongUsage) as error:
            sys.exit(f"{run}: {error}")


if __name__ == "__main__":
    main()
