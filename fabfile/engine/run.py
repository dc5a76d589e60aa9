"""A run: connect, probe everything, plan, ask for approval, apply step by step, verify, and plan again."""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock, get_ident
from typing import TYPE_CHECKING

from fabfile.engine import events, lock
from fabfile.engine.apply import apply
from fabfile.engine.errors import CoopError, Crashed, Interrupted, LinkError, MachineError, NoLock, NotApproved, Rejected, Unprepared
from fabfile.engine.events import Event
from fabfile.engine.fleet import Fleet
from fabfile.engine.outcome import Outcome, Result, State
from fabfile.engine.parallel import each
from fabfile.engine.pending import clear, note
from fabfile.engine.plan import Entry, Plan, Wanted, batches, by_step, chosen, differences, limited, present, unneeded, wanted, waves
from fabfile.engine.preparation import Preparation
from fabfile.engine.preparing import Preparations
from fabfile.engine.probing import facts
from fabfile.engine.session_setup import SessionSetup
from fabfile.engine.step import Step
from fabfile.engine.verify import Verdict, verify
from fabfile.engine.ways import SshWays, Ways

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack

Consent = Callable[[tuple[Entry, ...]], bool]
Made = tuple[Step, "tuple[Machine, ...]", "tuple[Machine, ...]"]  # a step, who differed in it, and who was changed


def run(rack: Rack, command: str, steps: Sequence[Step], *, dry: bool = False, only: str | None = None,
        from_: str | None = None, limit: str | None = None, consent: Consent = lambda entries: False,
        tell: Callable[[Event], None] = lambda event: None, ways: Ways | None = None, patience: float = 0.0) -> Result:
    """Brings the machines of these steps to what their roles say, and says how that went.

    `command` is what an operator types after `inv` to have this again, with all its words; `only` and `from_` name
    a step, `limit` machines separated by commas. `dry` does all but apply. `consent` is asked, with the changes
    that interrupt something, before the first change is made. `tell` is given every event. `ways` are where shells
    come from, SSH if none. Who else holds the rack's lock is waited for, `patience` seconds. Errors are in the result;
    only WrongUsage is raised.
    """
    picked = limited(chosen(steps, only, from_), limit)
    flags = {"--only": only, "--from": from_, "--limit": limit}
    more = [word for flag, value in flags.items() if value and flag not in command.split() for word in (flag, value)]
    resume = " ".join(["inv", command, *map(shlex.quote, more)])
    return Run(rack, command, picked, dry, resume, consent, tell, ways or SshWays(rack), patience).perform()


class Run:
    """One execution of a task."""

    def __init__(self, rack: Rack, command: str, steps: tuple[Step, ...], dry: bool, resume: str, consent: Consent,
                 tell: Callable[[Event], None], ways: Ways, patience: float = 0.0):
        self.rack, self.command, self.dry, self.resume = rack, command, dry, resume
        self.steps, self.off = present(steps)
        self.name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.machines = tuple({m.name: m for step in self.steps for m in step.machines}.values())
        self.preparations = Preparations(self.steps, dry)
        self.wants: dict[str, tuple[Wanted, ...]] = {}
        self.plan = Plan()
        self.remaining: Plan | None = None
        self.failed: dict[str, MachineError] = {}
        self.errors: list[CoopError] = []
        self._spent: defaultdict[int, float] = defaultdict(float)
        self._changed = False
        self._unneeded: list[Entry] = []
        self._said: list[str] = []
        self._agreed: set[tuple[str, str, str]] = set()
        self._consent = consent
        self._telling = Lock()
        self._listener = tell
        self._noticed: set[Event] = set()
        self._patience = patience
        self._session_setup = SessionSetup(rack, self.name, command, dry, self.tell, patience)
        self.fleet = Fleet(ways, self.tell, self._session_setup)

    @property
    def critical(self) -> float:
        """Seconds of commands and waits on the path that this thread has gone."""
        return self._spent[get_ident()]

    @critical.setter
    def critical(self, seconds: float) -> None:
        self._spent[get_ident()] = seconds

    def tell(self, event: Event) -> None:
        """Events come from several threads; listeners get them one by one, and the same notice once."""
        with self._telling:
            if isinstance(event, events.Noticed):
                if event in self._noticed:
                    return
                self._noticed.add(event)
            if isinstance(event, events.Said):
                self._said.append(event.text)
            self._listener(event)

    def perform(self) -> Result:
        """All of it. Whatever happens, every connection is closed and the lock is free afterwards."""
        began = time.monotonic()
        self.tell(events.Began(self.name, self.command, self.dry, *lock.who(self.rack), os.getpid(),
                               tuple(s.name for s in self.steps), tuple(m.name for m in self.machines)))
        for machine in self.off:
            self.tell(events.Noticed(machine.name, "hosts.yaml expects it to be off: skipped"))
        running: dict[str, str] = {}
        try:
            self._prepared()
            self._work()
            self._prepared(after=True)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, lambda *_: os._exit(Interrupted.exit_code))  # a second one quits
            running = {name: what for name, what in self.fleet.doing().items() if name not in self.failed}
            self.errors.append(Interrupted(running))
        except CoopError as error:
            self.errors.append(error)
        except Exception as error:
            self.errors.append(Crashed(error))
        finally:
            self.fleet.close()
        result = self._result(time.monotonic() - began, running)
        self.tell(events.Ended(result))
        return result

    def _prepared(self, after: bool = False) -> None:
        """Has preparations asked while the lock is held: ahead of the plan, and after the steps."""
        try:
            if (self.preparations or self._patience) and not self.dry:  # who waits for it has not seen anything before
                self._hold_lock()
            self.critical += self.preparations.report(self.fleet, self.tell, after)
            if not after:
                self._leave_out(self.preparations.failed)
        except LinkError as error:
            self.failed |= {m.name: error for m in self.machines if not after}  # the way to each is the gateway's
            raise

    def _leave_out(self, unprepared: Mapping[Preparation, Unprepared]) -> None:
        """The steps that cannot be made: what they have to know is not known."""
        for preparation, error in unprepared.items():
            without = [step for step in self.steps if step.prepare is preparation]
            self.steps = tuple(step for step in self.steps if step not in without)
            self.errors.append(error)
            self.tell(events.Noticed("", f"{', '.join(step.name for step in without)}: not started: a value that it needs is unknown"))

    def _work(self) -> None:
        self.wants = wanted(self.rack, self.steps)
        first = self._probe(self.machines, self.wants, "")
        if not first:
            return  # no machine could be probed: do not report "no changes"
        self.plan = by_step(self.steps, first)
        self.tell(events.Planned(self.plan))
        if rejected := [entry.change.what for entry in self.plan if entry.change.rejected]:
            raise Rejected(rejected)
        if self.dry or not self.plan:
            return
        if not self._session_setup.has_lock:
            raise NoLock(self.rack.gateway.name)
        self._agree(self.plan.interruptions())
        for step, machines in self._steps():
            self._verify([(step, machines)])  # what does not hold keeps nothing else from being done
        left = [m for m in self.machines if m.name not in self.failed and not self.fleet.session(m).off]
        if not left:
            return
        lasting = {name: tuple(want for want in wants if want.resource.lasting) for name, wants in self.wants.items()}
        self.remaining = by_step(self.steps, self._probe(left, lasting, ""))
        self.tell(events.Planned(self.remaining, closing=True))

    def _steps(self) -> list[tuple[Step, tuple[Machine, ...]]]:
        """Makes the steps, wave by wave, and verifies each when a later one needs it. Gives those of an earlier run
        that are still to be verified: last of all, for a later step may bring what they wait for; none when the run
        stopped early. A gate's, before a later step."""
        pending: list[tuple[Step, tuple[Machine, ...]]] = []
        unverified: list[Step] = []
        done: set[str] = set()
        for lanes in waves(self.steps):
            here = [step for lane in lanes for step in lane]
            needed = [each for each in unverified
                      if any(step.needs is None or each.name in step.needs for step in here)]
            if not self._verify_all(needed, [step for step in self.steps if step.name not in done]):
                return []
            unverified = [each for each in unverified if each not in needed]
            made, spent, stopped = [], [], ""
            values, _ = each(lambda number: self._lane(lanes[number]), range(len(lanes)))  # noqa: B023  called before the loop goes on
            for lane_made, seconds, last in values.values():
                made += lane_made
                spent.append(seconds)
                stopped = stopped or last
            self.critical += max(spent)
            done |= {step.name for step, _, _ in made}
            for step in self.steps:
                for _, differ, todo in (one for one in made if one[0] is step):
                    if step.verify is not None and (todo or (differ and step.gate)):
                        unverified.append(step)
                    elif differ and not todo:
                        pending.append((step, differ))
            if stopped:
                self._stopped(stopped, [step for step in self.steps if step.name not in done])
                return []
        return pending if self._verify_all(unverified, ()) else []

    def _lane(self, lane: Sequence[Step]) -> tuple[list[Made], float, str]:
        """Makes some steps one after the other: each that was come to with the machines that differed and those that
        were changed; the seconds of commands; and the step after which nothing more is begun, if one did not hold or
        nobody was left for it."""
        made: list[Made] = []
        before = self.critical
        try:
            for step in lane:
                entries = self._entries_of(step, self._changed)
                differ = tuple(m for m in self._standing(step) if entries.get(m.name))
                todo = tuple(m for m in differ if any(entry.change.commands for entry in entries[m.name]))
                held = not todo or self._make_step(step, todo, entries)
                made.append((step, differ, todo))
                if not held or all(m.name in self.failed for m in step.machines):
                    return made, self.critical - before, step.name
            return made, self.critical - before, ""
        finally:
            self.critical = before

    def _make_step(self, step: Step, machines: tuple[Machine, ...], entries: dict[str, tuple[Entry, ...]]) -> bool:
        began, before = time.monotonic(), self.critical
        self.tell(events.StepBegan(step.name, tuple(m.name for m in machines)))
        self._changed = True
        held = self._apply(step, machines, entries)
        self.tell(events.StepEnded(step.name, time.monotonic() - began, self.critical - before))
        return held

    def _verify_all(self, steps: Sequence[Step], later: Sequence[Step]) -> bool:
        """Verifies steps that were made, all at once; `later` are not begun when one does not hold."""
        stopped = self._verify([(step, step.machines) for step in steps])
        if stopped:
            self._stopped(stopped, later)
        return not stopped

    def _verify(self, steps: Sequence[tuple[Step, tuple[Machine, ...]]]) -> str:
        """Verifies steps on those of these machines that have not failed; where one holds, its notes go. Gives the name of
        the first that does not hold, if there is one."""
        known = 0.0
        for (step, machines), verdict in zip(steps, self._verdicts(steps), strict=False):  # none after one that does not hold
            held = verdict.error is None
            self.tell(events.Verified(step.name, held, verdict.seconds, max(0.0, verdict.seconds - known)))
            known = max(known, verdict.seconds)
            if not held:
                return step.name
            self._clear(step, [m for m in machines if m.name not in self.failed])
        return ""

    def _standing(self, step: Step) -> tuple[Machine, ...]:
        return tuple(m for m in step.machines if m.name not in self.failed and not self.fleet.session(m).off)

    def _stopped(self, step: str, later: Sequence[Step]) -> None:
        """Reports the steps that are not started, because they depend on a step that failed or has no machine left."""
        if later:
            self.tell(events.Stopped(step, tuple(s.name for s in later)))

    def _agree(self, entries: tuple[Entry, ...]) -> None:
        new = tuple(entry for entry in entries if entry.place not in self._agreed)
        if new and not self._consent(new):
            raise NotApproved([entry.change.interrupts for entry in new], [e.change.typed for e in new if e.change.typed])
        self._agreed |= {entry.place for entry in new}

    def _entries_of(self, step: Step, changed: bool) -> dict[str, tuple[Entry, ...]]:
        """The changes of this step: by the first plan, or by a new probe if anything was changed since."""
        standing = self._standing(step)
        planned = {m.name: self.plan.of(m.name, step.name) for m in standing}
        if not changed:
            return planned
        wants = {m.name: tuple(want for want in self.wants[m.name] if want.step == step.name)
                 for m in standing}
        found = self._probe(standing, wants, step.name)
        for name, entries in found.items():
            for entry in unneeded(planned[name], entries):
                self._unneeded.append(entry)
                self.tell(events.NotNeeded(name, step.name, entry.resource, entry.change.what))
        return found

    def _probe(self, machines: Iterable[Machine], wants: dict[str, tuple[Wanted, ...]],
              step: str) -> dict[str, tuple[Entry, ...]]:
        """The differences of each machine. Where a probe fails, the machine has failed."""
        by_name = {m.name: m for m in machines}
        tasks = dict(by_name)
        if not self.dry and not self.fleet.sessions():
            tasks.setdefault(self.rack.gateway.name, self.rack.gateway)  # for its lock, at least

        def probe(name: str) -> tuple[tuple[Entry, ...], float]:
            mine = wants.get(name, ()) if name in by_name else ()
            with self.fleet.at(tasks[name], "is being probed") as session:
                before = session.commands
                found = facts(session, mine, step, self.tell)
            return differences(name, mine, found, self.rack.conflicts), session.commands - before

        values, errors = each(probe, tasks)
        for name, error in errors.items():
            self._fail(name, error, step)
        self.critical += max((seconds for _, seconds in values.values()), default=0.0)
        return {name: values[name][0] for name in by_name if name in values}

    def _apply(self, step: Step, machines: Sequence[Machine], entries: dict[str, tuple[Entry, ...]]) -> bool:
        """Makes a step on its machines, in batches. False when it is not to be gone on from: a machine of a batch
        that goes one after the other failed, or did not hold when it was verified."""
        self._hold_lock()
        self._agree(Plan(tuple(entry for m in machines for entry in entries[m.name])).interruptions())
        for batch in batches(step, machines, entries):
            by_name = {machine.name: machine for machine in batch.machines}
            values, errors = each(lambda name: self._make(by_name[name], step, entries[name]), by_name)  # noqa: B023  the same
            self.critical += max(values.values(), default=0.0)
            for name, error in errors.items():
                self._fail(name, error, step.name)
            if batch.careful and (errors or (not batch.last and self._verdicts([(step, batch.machines)])[-1].error)):
                return False
            if batch.careful and any(m.name in self.failed for m in batch.machines):
                return False
        return True

    def _make(self, machine: Machine, step: Step, entries: Sequence[Entry]) -> float:
        """Makes one machine's changes of a step; the seconds of its commands. Raises MachineError outside of the
        fleet's context, so that the shell of a late command is dropped before it is used again."""
        with self.fleet.at(machine) as session:
            before = session.commands
            if step.verify is not None:
                note(session, step.name)
            try:
                apply(self.rack, self.fleet, session, entries, self.tell)
            except MachineError as error:
                raise error.at(step.name) from None
            return session.commands - before

    def _hold_lock(self) -> None:
        """The gateway's shell holds the rack's lock. If it was dropped, the lock is taken again before anything
        else is done; raises LockHeld when somebody else came in between."""
        gateway = self.rack.gateway
        session = self.fleet.session(gateway)
        if session.opened is None or not session.opened.alive():
            with self.fleet.at(gateway, "takes the rack's lock again") as session:
                facts(session, (), "", self.tell)

    def _verdicts(self, steps: Sequence[tuple[Step, tuple[Machine, ...]]]) -> list[Verdict]:
        """Asks the checks of steps on those of these machines that have not failed. Failures are reported."""
        began = time.monotonic()
        view = replace(self.rack, missing=self._missing())
        asked = [(step, tuple(m for m in machines if m.name not in self.failed)) for step, machines in steps]
        verdicts = verify(view, self.fleet, [
            (step.name, step.verify(view, machines) if step.verify and machines else ()) for step, machines in asked], self.tell)
        self.critical += time.monotonic() - began
        for verdict in verdicts:
            for name, error in verdict.failed.items():
                if name not in self.failed:
                    self._fail(name, error, verdict.step)
            if verdict.error:
                self.errors.append(verdict.error)
                self.tell(events.Failed(verdict.error.machine, verdict.step, verdict.error))
        return verdicts

    def _missing(self) -> frozenset[str]:
        """Machines that could not be reached, or are meant to be off: checks name them and do not wait for them."""
        lost = (name for name, error in self.failed.items() if isinstance(error, LinkError))
        return frozenset((*lost, *(machine.name for machine in self.off)))

    def _clear(self, step: Step, machines: Iterable[Machine]) -> None:
        """Removes the markers that this step is to be verified."""
        if step.verify is None:
            return
        for name, error in clear(self.fleet, step.name, machines).items():
            self._fail(name, error, step.name)

    def _fail(self, machine: str, error: MachineError, step: str) -> None:
        error.at(step)
        self.failed[machine] = error
        self.errors.append(error)
        self.tell(events.Failed(machine, step, error))

    def _result(self, seconds: float, running: dict[str, str]) -> Result:
        outcomes = {machine.name: Outcome(machine.name, "off") for machine in self.off}
        for machine in self.machines:
            session, error = self.fleet.session(machine), self.failed.get(machine.name)
            planned = len(self.plan.of(machine.name))
            changes = planned if self.dry else session.changes
            state: State = ("failed" if error else "stopped" if machine.name in running else
                            "unchanged" if not changes else "differs" if self.dry else "changed")
            outcomes[machine.name] = Outcome(
                machine.name, state, changes, session.busy, session.commands, session.round_trips, error)
        return Result(self.name, self.command, self.dry, self.plan, outcomes, self.remaining, seconds, self.critical,
                      tuple(self.errors), self.resume, tuple(self._unneeded), "".join(self._said), running)
