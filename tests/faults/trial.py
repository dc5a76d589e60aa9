"""One trial: a run is broken at a point, the fault is undone, the run is made again. What came of it.

Every requirement is a function that says what is wrong; a trial that has nothing to say is a proof.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain as chain_of
from pathlib import Path

from faults import FAULTS, Fault
from ground import Ended, Ground
from planted import Look, Watcher, files
from points import Planned

PATIENCE = 15.0  # seconds, as the product says, after which a dead connection is told
SLACK = 2.0  # of a busy computer
AT_ONCE = 2.0  # seconds that Ctrl-C may take


@dataclass
class Trial:
    """What is known of one, for the table and for a failure's message."""

    task: str
    name: str
    kind: str
    moment: str
    machine: str
    command: str
    reached: bool = True
    code: int | None = None  # of the disturbed run
    noticed: float | None = None  # seconds from the fault to the first word about it
    waited: float = 0.0  # of these, for which this computer let it wait, at most
    changes: int = 0  # that the disturbed run had made
    problems: list[str] = field(default_factory=list)  # as it told them
    adopted: int = 0  # commands that the next run found running
    again: float = 0.0  # seconds of the next run
    remade: int = 0  # its changes
    wrong: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """All of it, for a failure."""
        head = f"{self.name}: {self.kind} {self.moment} {self.machine}'s `{self.command}`"
        return "\n  ".join([head, *(f"it said: {each}" for each in self.problems),
                            *(f"WRONG: {each}" for each in self.wrong)])

    def data(self) -> dict:
        return asdict(self)


def attempt(ground: Ground, planned: Planned, look: Look, may_have: frozenset[str] = frozenset()) -> Trial:
    """Makes the machines empty, breaks a run, makes it again, and looks at everything."""
    ground.empty()
    trial, broken, fault = disturb(ground, planned, look)
    began = time.monotonic()
    again = ground.run(*(["--json"] if planned.number % 2 else []))
    trial.again, trial.adopted = time.monotonic() - began, len(again.of("adopted"))
    trial.remade = len(again.of("changed"))
    trial.wrong += chain_of(still_broken(again), doubled(fault, broken, again), ground.differences(),
                            told_secrets(ground, look, (broken, again), may_have))
    return trial


def chain(ground: Ground, several: Sequence[Planned], look: Look) -> list[Trial]:
    """Makes the machines empty and breaks one run after the other, each further on; then one that is left alone.

    What is wrong afterwards is said of the last of them: it is what all of them together have left.
    """
    ground.empty()
    trials, runs = [], []
    for planned in several:
        trial, broken, fault = disturb(ground, planned, look)
        if not trial.reached:  # an earlier run had come further than this
            ground.empty()
            runs.clear()  # all that they had done is to be done again
            trial, broken, fault = disturb(ground, planned, look)
        trials.append(trial)
        for earlier in runs:
            trial.wrong += doubled(*earlier, broken)
        runs.append((fault, broken))
    began, last = time.monotonic(), trials[-1]
    again = ground.run()
    last.again, last.adopted, last.remade = time.monotonic() - began, len(again.of("adopted")), len(again.of("changed"))
    last.wrong += chain_of(still_broken(again), *(doubled(*earlier, again) for earlier in runs), ground.differences(),
                           told_secrets(ground, look, (*(broken for _, broken in runs), again), frozenset()))
    return trials


def disturb(ground: Ground, planned: Planned, look: Look) -> tuple[Trial, Ended, Fault]:
    """A run that is broken at a point; the fault is undone when it has ended."""
    point = planned.point(ground.commands)
    fault = FAULTS[planned.kind](ground, point.at.machine)
    trial = Trial(ground.words[0], planned.name, planned.kind, point.moment, point.at.machine, point.at.shown)
    with Watcher(look, lambda: temporary(ground)) as watcher:
        run = ground.start(point=point)
        if run.stands():
            made = time.time()
            fault.make(run.process)
            if not fault.quits:
                made = time.time()  # until now the run stood still
                run.go()
        else:
            trial.reached, made = False, 0.0
        try:
            ended = run.end(ground.limit)
            quit_after = time.time() - made - run.waited
        finally:
            if trial.reached:
                fault.undo()
    trial.waited = run.waited
    trial.code, trial.changes = ended.code, len(ended.of("changed"))
    trial.wrong += [f"{found} was to be seen in {place}" for place, found in watcher.seen.items()]
    if not trial.reached:
        trial.wrong.append("the run never came to this point")
        return trial, ended, fault
    trial.wrong += ending(trial, fault, ended, quit_after, made)
    if refused := getattr(fault, "refused", None):
        trial.problems += [record["problem"] for record in refused.of("failed")]
        trial.wrong += chain_of(refused_well(fault, refused), messages(refused))
    return trial, ended, fault


def ending(trial: Trial, fault: Fault, ended: Ended, quit_after: float, made: float) -> Iterator[str]:
    """How the disturbed run ended: as it may, in time, and saying what a person needs."""
    trial.problems = [record["problem"] for record in ended.of("failed")]
    if ended.code not in fault.ends:
        yield f"it ended with {ended.code}, which is none of {fault.ends}: {ended.said}"
    if "Traceback" in ended.said:
        yield f"a traceback: {ended.said}"
    if trial.kind == "interrupted":
        trial.noticed = quit_after
        if quit_after > AT_ONCE:
            yield f"Ctrl-C took {quit_after:.1f} s"
        if "interrupted" not in ended.said or "To resume: inv" not in ended.said:
            yield f"Ctrl-C does not say how to resume: {ended.said}"
    if told := [record for record in ended.journal if record["event"] in ("failed", "noticed")]:
        trial.noticed = max(0.0, told[0]["at"] - made)
        if trial.kind in ("hanging", "powerless", "reset", "rebooted") and trial.noticed > PATIENCE + SLACK + trial.waited:
            yield f"the dead connection was reported after {trial.noticed:.1f} s"
        yield from messages(ended)


def messages(ended: Ended) -> Iterator[str]:
    """Each failure names machine, step, command and what to do."""
    if ended.code == 1 and "To resume: inv" not in ended.said:
        yield f"it does not say how to resume: {ended.said}"
    for record in ended.of("failed"):
        connecting = record["kind"] in ("NoAnswer", "RootRefused", "KeyRefused") and not record["command"]
        missing = [part for part in ("machine", "step", "command") if not record.get(part)
                   and not (connecting and part in ("step", "command"))]
        missing += [part for part in ("machine", "step", "command", "hint") if record.get(part)
                    and record[part].split("\n")[0][:60] not in " ".join(ended.said.split())
                    and record[part][:60] not in ended.said]
        if missing:
            yield f"a failure does not name its {', '.join(missing)}: {record}"


def refused_well(fault: Fault, refused: Ended) -> Iterator[str]:
    if refused.code != 1 or [record["kind"] for record in refused.of("failed")][:1] != ["RootRefused"]:
        yield f"sudo was refused, and the run ended with {refused.code}: {refused.said}"


def still_broken(again: Ended) -> Iterator[str]:
    """The next run is good, and says that nothing is left to do."""
    if again.code != 0:
        yield f"the next run ended with {again.code}: {again.said}"
    elif again.of("changed") and [record["changes"] for record in again.of("planned") if record["closing"]] != [[]]:
        yield f"the plan made after the next run is not empty: {again.said}"


def doubled(fault: Fault, broken: Ended, again: Ended) -> Iterator[str]:
    """What had ended well is not done again, nor what was running when the operator or the line went. A change of
    which a command failed is made again from its beginning."""
    def identity(record: dict, *parts: str) -> tuple[str, ...]:
        return tuple(record[part] for part in ("machine", "step", "resource", *parts))

    def done(ended: Ended) -> set[tuple[str, ...]]:
        failed = {identity(record) for record in ended.of("ran") if record["code"]}
        return {identity(record, "command") for record in ended.of("ran") if identity(record) not in failed}
    if not fault.repeats:
        for command in sorted(done(broken) & done(again)):
            yield f"done twice: {', '.join(command)}"


def told_secrets(ground: Ground, look: Look, runs: tuple[Ended, ...], may_have: frozenset[str]) -> Iterator[str]:
    """Secrets in what was said, in the journal, or on the machines outside the files that they are for."""
    for ended in runs:
        if found := look(ended.said):
            yield f"{found} was printed: {ended.said}"
        if found := look("\n".join(map(str, ended.journal))):
            yield f"{found} is in the journal"
    for machine in ground.machines:
        upper = ground.disk / machine / "upper"
        for folder in (upper / "tmp", upper / "var/log", upper / "var/tmp", *inner(ground, machine)):
            for file in files(folder):
                if str(file) not in may_have and (found := look(file.read_bytes().decode(errors="replace"))):
                    yield f"{machine}: {found} lies in {file.name}"
        if found := look(ground.inside(machine, "journalctl -q --no-pager -o cat", check=False)):
            yield f"{machine}: {found} is in its journal"


def inner(ground: Ground, machine: str) -> list[Path]:
    """A machine's folders in memory that temporary things lie in."""
    root = Path(f"/proc/{ground.lab.status()[machine].pid}/root")
    return [root / "run/coop", root / "tmp", root / "dev/shm"]


def temporary(ground: Ground) -> Iterator[Path]:
    """Where temporary files come and go while a run is running, here and there."""
    for box in ground.lab.status().values():
        if box.machine and box.pid:
            yield from (Path(f"/proc/{box.pid}/root") / folder for folder in ("tmp", "var/tmp", "dev/shm"))
