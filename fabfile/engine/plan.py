"""The plan: what differs on every machine, in order. A pure function of roles and facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from fabfile.engine.errors import ProbeFailed, WrongUsage
from fabfile.engine.step import Step
from fabfile.rack.conflicts import UNDECIDED, Conflicts
from fabfile.resources.base import Change, Resource, rejection
from fabfile.resources.pending import PendingVerification
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack


@dataclass(frozen=True)
class Wanted:
    """One resource that one step wants on one machine."""

    step: str
    resource: Resource


@dataclass(frozen=True)
class Entry:
    """One change that a plan holds."""

    machine: str
    step: str
    resource: str
    change: Change

    @property
    def place(self) -> tuple[str, str, str]:
        """Machine, step and resource: what a consent is given for."""
        return self.machine, self.step, self.resource


@dataclass(frozen=True)
class Plan:
    """The ordered changes of a run, every machine's. False when there are none."""

    entries: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def of(self, machine: str, step: str | None = None) -> tuple[Entry, ...]:
        """What one machine will be changed in, in one step or in all."""
        mine = self._by_machine.get(machine, ())
        return mine if step is None else tuple(e for e in mine if e.step == step)

    def machines(self) -> tuple[str, ...]:
        """The machines that differ, in the order of the plan."""
        return tuple(self._by_machine)

    def interruptions(self) -> tuple[Entry, ...]:
        """The changes that interrupt something and want consent."""
        return tuple(entry for entry in self.entries if entry.change.interrupts)

    @cached_property
    def _by_machine(self) -> dict[str, tuple[Entry, ...]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.machine, []).append(entry)
        return {machine: tuple(entries) for machine, entries in found.items()}


def wanted(rack: Rack, steps: Sequence[Step]) -> dict[str, tuple[Wanted, ...]]:
    """Every resource that these steps want, in order, by the name of its machine."""
    found: dict[str, list[Wanted]] = {}
    for step in steps:
        for machine in step.machines:
            pending = () if step.verify is None else (PendingVerification(step.name),)
            found.setdefault(machine.name, []).extend(
                Wanted(step.name, resource) for resource in (*step.role(rack, machine), *pending))
    return {name: tuple(wants) for name, wants in found.items()}


def differences(machine: str, wants: Sequence[Wanted], facts: Sequence[str],
                conflicts: Conflicts = UNDECIDED) -> tuple[Entry, ...]:
    """The changes that bring one machine from its facts (one text a resource, same order) to what is wanted.

    What others have set there is taken over, kept or rejected, as `conflicts` decides.
    """
    altered: set[str] = set()
    entries = []
    for want, fact in zip(wants, facts, strict=True):
        try:
            changes = list(want.resource.changes(fact, frozenset(altered)))
        except Exception:
            problem = f"its probe output cannot be parsed: {_nonsense(want.resource, mask(fact), frozenset(altered))}"
            raise ProbeFailed(machine, problem, step=want.step, resource=want.resource.name,
                             tail=mask(fact).splitlines()[-5:]) from None
        for change in filter(None, (decided(machine, change, conflicts) for change in changes)):
            altered |= change.alters
            shown = replace(change, what=mask(change.what), diff=mask(change.diff))
            entries.append(Entry(machine, want.step, want.resource.name, shown))
    return tuple(entries)


def decided(machine: str, change: Change, conflicts: Conflicts) -> Change | None:
    """A change as it is to be made; None where it is a conflict that is kept."""
    if not change.conflict or (change.commands and conflicts.taken_over(change.conflict)):
        return change
    if change.keepable and conflicts.kept(change.conflict):
        return None
    ways = [f"conflicts.{way}" for way, possible in (("take_over", change.commands), ("keep", change.keepable)) if possible]
    named = f", or name {change.conflict} in hosts.yaml under {' or '.join(ways)}" if ways else ""
    return rejection(f"{machine}: {change.what}; remove it there{named}")


def _nonsense(resource: Resource, fact: str, altered: frozenset[str]) -> str:
    """The error as masked facts bring it about: it may quote them in ways that no mask would know again."""
    try:
        list(resource.changes(fact, altered))
    except Exception as error:
        return mask(f"{type(error).__name__}: {error}")
    return "a secret is in an unexpected place"


def by_step(steps: Sequence[Step], entries: Mapping[str, Iterable[Entry]]) -> Plan:
    """One plan of all machines' changes: steps in order, and in each its machines in the rack's order."""
    order = {step.name: number for number, step in enumerate(steps)}
    flat = [entry for machine in entries.values() for entry in machine]
    return Plan(tuple(sorted(flat, key=lambda entry: order[entry.step])))  # sorting is stable


def chosen(steps: Sequence[Step], only: str | None, from_: str | None) -> tuple[Step, ...]:
    """The steps that `--only` and `--from` leave; "pod-network" and "Pod network" are the same step."""
    for asked in filter(None, (only, from_)):
        if not any(is_called(step, asked) for step in steps):
            raise WrongUsage(f"there is no step {asked!r} here; the steps are: "
                             + ", ".join(step.name for step in steps))
    if only:
        return tuple(step for step in steps if is_called(step, only))
    begins = [is_called(step, from_) for step in steps].index(True) if from_ else 0
    return tuple(steps[begins:])


def limited(steps: Sequence[Step], limit: str | None) -> tuple[Step, ...]:
    """The steps with only the machines that `--limit` names, separated by commas; empty steps go."""
    if not limit:
        return tuple(step for step in steps if step.machines)
    asked = [name.strip() for name in limit.split(",") if name.strip()]
    known = {machine.name for step in steps for machine in step.machines}
    for name in asked:
        if name not in known:
            raise WrongUsage(f"no step here touches a machine {name!r}; they touch: "
                             + ", ".join(sorted(known)))
    left = (replace(step, machines=tuple(m for m in step.machines if m.name in asked)) for step in steps)
    return tuple(step for step in left if step.machines)


def unneeded(planned: Sequence[Entry], found: Sequence[Entry]) -> list[Entry]:
    """Planned changes that are no longer needed: for each resource as many as it now has fewer."""
    gone = []
    for place in dict.fromkeys(entry.place for entry in planned):
        before = [entry for entry in planned if entry.place == place]
        now = [entry.change.what for entry in found if entry.place == place]
        fewer = len(before) - len(now)
        if fewer > 0:
            gone += ([entry for entry in before if entry.change.what not in now] or before)[-fewer:]
    return gone


@dataclass(frozen=True)
class Batch:
    """Machines that a step changes at once. A `careful` one is verified before the next, and none follows one that
    failed."""

    machines: tuple[Machine, ...]
    careful: bool
    last: bool = False


def batches(step: Step, machines: Sequence[Machine], entries: Mapping[str, Sequence[Entry]]) -> list[Batch]:
    """A step's machines in the order in which they are changed: first, all at once, those where nothing is
    interrupted; then the others, `at_once` at a time. In a serial step all go so."""
    careful: list[Machine] = []
    rest: list[Machine] = []
    for machine in machines:
        interrupts = any(entry.change.interrupts for entry in entries[machine.name])
        (careful if step.serial or interrupts else rest).append(machine)
    groups = [tuple(careful[first:first + step.at_once]) for first in range(0, len(careful), step.at_once)]
    found = [*([Batch(tuple(rest), False)] if rest else []), *(Batch(group, True) for group in groups)]
    return [*found[:-1], *(replace(batch, last=True) for batch in found[-1:])]


def waves(steps: Sequence[Step]) -> list[list[list[Step]]]:
    """The steps in waves of lanes. The lanes of a wave are made at the same time, each in order: no two have a machine
    in common, and no step is in the wave of one that it needs."""
    found: list[list[list[Step]]] = []
    for step in steps:
        wave = found[-1] if found else []
        shared = [lane for lane in wave if _machines(lane) & _machines([step])]
        if not wave or step.needs is None or len(shared) > 1 or \
                any(each.name in step.needs for lane in wave for each in lane):
            found.append([[step]])
        elif shared:
            shared[0].append(step)
        else:
            wave.append([step])
    return found


def _machines(lane: Sequence[Step]) -> set[str]:
    return {machine.name for step in lane for machine in step.machines}


def present(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[Machine, ...]]:
    """The steps without the machines that hosts.yaml expects to be off, and those machines."""
    off = {machine.name: machine for step in steps for machine in step.machines if machine.expected_off}
    left = (replace(step, machines=tuple(m for m in step.machines if m.name not in off)) for step in steps)
    return tuple(step for step in left if step.machines), tuple(off.values())


def is_called(step: Step, name: str) -> bool:
    """Whether an operator means this step: "pod-network" is "Pod network"."""
    return _key(step.name) == _key(name)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", " ").replace("_", " ")
