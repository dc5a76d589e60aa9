"""A run: connect, look at everything, plan, apply step by step, verify, and plan once more."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from threading import Lock
from typing import TYPE_CHECKING

from fabfile.engine import detached, events, lock
from fabfile.engine.apply import apply
from fabfile.engine.errors import CoopError, Interrupted, LookFailed, MachineError
from fabfile.engine.events import Event
from fabfile.engine.fleet import Fleet, Seat
from fabfile.engine.framing import Answer
from fabfile.engine.outcome import Outcome, Result, State
from fabfile.engine.parallel import each
from fabfile.engine.plan import Entry, Plan, Wanted, by_step, chosen, differences, limited, wanted
from fabfile.engine.shell import Line
from fabfile.engine.step import Step
from fabfile.engine.verify import verify
from fabfile.engine.ways import SshWays, Ways
from fabfile.resources.proof import Proof
from fabfile.secret import mask

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack

PROBE_LIMIT = 60.0  # seconds; probes are cheap, but a machine may be very busy
ADOPTION_LIMIT = 3600.0  # seconds that a command of an earlier run may still take


def run(rack: Rack, task: str, steps: Sequence[Step], *, dry: bool = False, only: str | None = None,
        from_: str | None = None, limit: str | None = None,
        tell: Callable[[Event], None] = lambda event: None, ways: Ways | None = None) -> Result:
    """Brings the machines of these steps to what their roles say, and says how that went.

    `task` is what the operator typed after `inv`; `only` and `from_` name a step, `limit` machines separated
    by commas. `dry` does all but apply. `tell` is given every event. `ways` are where shells come from, SSH
    if none. Errors are in the result; only WrongUsage and what is a fault of the program are raised.
    """
    picked = limited(chosen(steps, only, from_), limit)
    flags = [f"--{flag} {value!r}" if " " in value else f"--{flag} {value}"
             for flag, value in (("only", only), ("from", from_), ("limit", limit)) if value]
    resume = " ".join(["inv", task, *flags])
    return Run(rack, task, picked, dry, resume, tell, ways or SshWays(rack)).perform()


class Run:
    """One execution of a task."""

    def __init__(self, rack: Rack, task: str, steps: tuple[Step, ...], dry: bool, resume: str,
                 tell: Callable[[Event], None], ways: Ways):
        self.rack, self.task, self.steps, self.dry, self.resume = rack, task, steps, dry, resume
        self.name = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.machines = tuple({m.name: m for step in steps for m in step.machines}.values())
        self.wants: dict[str, tuple[Wanted, ...]] = {}
        self.plan = Plan()
        self.remaining: Plan | None = None
        self.failed: dict[str, MachineError] = {}
        self.errors: list[CoopError] = []
        self.critical = 0.0
        self._telling = Lock()
        self._listener = tell
        self.fleet = Fleet(ways, self.tell, self._greet)

    def tell(self, event: Event) -> None:
        """Events come from several threads; listeners get them one by one."""
        with self._telling:
            self._listener(event)

    def perform(self) -> Result:
        """All of it. Whatever happens, every connection is closed and the lock is free afterwards."""
        began = time.monotonic()
        name, computer = lock.who()
        self.tell(events.Began(self.name, self.task, self.dry, name, computer,
                               tuple(s.name for s in self.steps), tuple(m.name for m in self.machines)))
        running: dict[str, str] = {}
        try:
            self._work()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, lambda *_: os._exit(Interrupted.exit_code))  # a second one quits
            running = {name: what for name, what in self.fleet.doing().items() if name not in self.failed}
            self.errors.append(Interrupted(running))
        except CoopError as error:
            self.errors.append(error)
        finally:
            self.fleet.close()
        result = self._result(time.monotonic() - began, running)
        self.tell(events.Ended(result))
        return result

    def _work(self) -> None:
        self.wants = wanted(self.rack, self.steps)
        first = self._look(self.machines, self.wants, "")
        if not first:
            return  # of nothing that was not looked at can be said that nothing differs
        self.plan = by_step(self.steps, first)
        self.tell(events.Planned(self.plan))
        if self.dry or not self.plan:
            return
        changed, owing = False, []
        for step in self.steps:
            began, before = time.monotonic(), self.critical
            entries = self._entries_of(step, changed)
            differ = [m for m in step.machines if entries.get(m.name) and m.name not in self.failed]
            todo = [m for m in differ if any(entry.change.commands for entry in entries[m.name])]
            if differ and not todo:
                owing.append((step, differ))
            if todo:
                self.tell(events.StepBegan(step.name, tuple(m.name for m in todo)))
                changed = True
                self._apply(step, todo, entries)
                if step.verify is not None and not any(m.name in self.failed for m in step.machines):
                    self._verify(step)
                    self._settle(step, differ)
                self.tell(events.StepEnded(step.name, time.monotonic() - began, self.critical - before))
            standing = [m for m in step.machines if m.name not in self.failed]
            if not standing or (step.serial and len(standing) < len(step.machines)):
                break  # what comes later stands on this step, also when one could not even be looked at
        else:
            for step, machines in owing:
                self._prove(step, machines)
        left = [m for m in self.machines if m.name not in self.failed]
        if not left:
            return
        self.remaining = by_step(self.steps, self._look(left, self.wants, ""))
        self.tell(events.Planned(self.remaining, closing=True))

    def _entries_of(self, step: Step, changed: bool) -> dict[str, tuple[Entry, ...]]:
        """What this step has to change: by the first plan, or by a new look once anything was changed."""
        standing = [m for m in step.machines if m.name not in self.failed]
        if not changed:
            return {m.name: self.plan.of(m.name, step.name) for m in standing}
        wants = {m.name: tuple(want for want in self.wants[m.name] if want.step == step.name)
                 for m in standing}
        return self._look(standing, wants, step.name)

    def _look(self, machines: Iterable[Machine], wants: dict[str, tuple[Wanted, ...]],
              step: str) -> dict[str, tuple[Entry, ...]]:
        """The differences of each machine. Where looking fails, the machine has failed."""
        machines = {m.name: m for m in machines}
        tasks = dict(machines)
        if not self.dry and not self.fleet.seats():
            tasks.setdefault(self.rack.gateway.name, self.rack.gateway)  # for its lock, at least

        def look(name: str) -> tuple[tuple[Entry, ...], float]:
            mine = wants.get(name, ()) if name in machines else ()
            with self.fleet.at(tasks[name], "is being looked at") as seat:
                before = seat.commands
                facts = self._facts(seat, mine, step)
            return differences(name, mine, facts), seat.commands - before

        values, errors = each(look, tasks)
        for name, error in errors.items():
            self._fail(name, error, step)
        self.critical += max((seconds for _, seconds in values.values()), default=0.0)
        return {name: values[name][0] for name in machines if name in values}

    def _facts(self, seat: Seat, wants: Sequence[Wanted], step: str) -> list[str]:
        assert seat.shell is not None
        facts, seconds = [], 0.0
        probes = [Line(want.resource.probe(), PROBE_LIMIT, f"probe of {want.resource.name}")
                  for want in wants]
        answers = seat.shell.look(probes or [Line(":", PROBE_LIMIT, "a first look")])
        if not wants:
            seconds = next(answers).seconds
        for want in wants:
            try:
                answer = next(answers)
            except MachineError as error:
                raise error.at(want.step) from None
            seconds += answer.seconds
            if answer.code:
                raise LookFailed(seat.machine.name, f"its probe ended with {answer.code}", step=want.step,
                                 resource=want.resource.name, command=f"probe of {want.resource.name}",
                                 code=answer.code,
                                 tail=mask(answer.output).splitlines()[-10:])
            facts.append(answer.output)
        seat.commands += seconds
        if wants:
            self.tell(events.Looked(seat.machine.name, step, len(wants), seconds))
        return facts

    def _apply(self, step: Step, machines: Sequence[Machine], entries: dict[str, tuple[Entry, ...]]) -> None:
        """All machines at once; in a serial step one after the other, until one fails."""
        by_name = {m.name: m for m in machines}

        def work(name: str) -> float:
            with self.fleet.at(by_name[name]) as seat:
                before = seat.commands
                if step.verify is not None:
                    self._owe(seat, Proof(step.name))
                try:
                    apply(self.rack, self.fleet, seat, entries[name], self.tell)
                except MachineError as error:
                    self._fail(name, error, step.name)
                return seat.commands - before

        for group in [[name] for name in by_name] if step.serial else [list(by_name)]:
            values, errors = each(work, group)
            self.critical += max(values.values(), default=0.0)
            for name, error in errors.items():
                self._fail(name, error, step.name)
            if step.serial and group[0] in self.failed:
                return

    def _verify(self, step: Step) -> None:
        began = time.monotonic()
        try:
            verify(self.rack, self.fleet, step, self.tell)
        finally:
            self.critical += time.monotonic() - began

    def _owe(self, seat: Seat, proof: Proof) -> None:
        """Notes ahead of the changes, in the same write, that they are to be proved."""
        def noted(answer: Answer) -> None:
            if answer.code:
                self.tell(events.Noticed(seat.machine.name, f"cannot note that {proof.step} is to be proved"))

        assert seat.shell is not None
        seat.shell.first("", Line(proof.owe(), shown=f"note that {proof.step} is to be proved"), noted)

    def _prove(self, step: Step, machines: Sequence[Machine]) -> None:
        """What an earlier run did not come to prove: last of all, for a later step may bring about what it waits
        for, and what cannot be proved keeps nothing else from being done."""
        began, before = time.monotonic(), self.critical
        self.tell(events.StepBegan(step.name, tuple(m.name for m in machines)))
        try:
            self._verify(step)
            self._settle(step, machines)
        except MachineError as error:
            self.errors.append(error)
        self.tell(events.StepEnded(step.name, time.monotonic() - began, self.critical - before))

    def _settle(self, step: Step, machines: Sequence[Machine]) -> None:
        by_name = {m.name: m for m in machines}

        def settle(name: str) -> None:
            with self.fleet.at(by_name[name], f"notes that {step.name} is proved") as seat:
                assert seat.shell is not None
                seat.shell.ask(Proof(step.name).settle(), shown=f"note that {step.name} is proved")

        _, errors = each(settle, by_name)
        for name, error in errors.items():
            self._fail(name, error, step.name)

    def _fail(self, machine: str, error: MachineError, step: str) -> None:
        error.at(step)
        self.failed[machine] = error
        self.errors.append(error)
        self.tell(events.Failed(machine, step, error))

    def _greet(self, seat: Seat) -> None:
        """What a new shell does before all else, in the same write as what is asked first."""
        shell, machine = seat.shell, seat.machine.name
        assert shell is not None
        shell.heard = self._heard_of_earlier(machine)
        if not self.dry and machine == self.rack.gateway.name:
            taking = Line(lock.take_rack(self.name, self.task), shown="take the rack's lock")
            shell.first(lock.OPEN_RACK, taking, self._lock_taken)
        if not self.dry:
            taking = Line(lock.take_machine(self.name), 90.0, "take the machine's lock")
            shell.first(lock.OPEN_MACHINE, taking, lambda answer: self._machine_taken(seat, answer))
        if not seat.known:
            waiting = Line(detached.adopt(wait=not self.dry), ADOPTION_LIMIT, "wait for earlier commands")
            shell.first("", waiting, lambda answer: self._waited(seat, answer))

    def _lock_taken(self, answer: Answer) -> None:
        if answer.code:
            raise lock.refused(self.rack.gateway.name, answer)

    def _machine_taken(self, seat: Seat, answer: Answer) -> None:
        self._waited(seat, answer)
        if answer.code:
            raise lock.still_busy(seat.machine.name)

    def _waited(self, seat: Seat, answer: Answer) -> None:
        seat.commands += answer.seconds  # an earlier run's command was waited for: no time of this run's own

    def _heard_of_earlier(self, machine: str) -> Callable[[str], None]:
        def heard(text: str) -> None:
            kind, _, rest = mask(text).partition(" ")
            if kind == "adopted":
                self.tell(events.Adopted(machine, rest))
            elif kind == "took":
                self.tell(events.Noticed(machine, mask(text)))
            else:
                self.tell(events.Heard(machine, mask(text)))
        return heard

    def _result(self, seconds: float, running: dict[str, str]) -> Result:
        outcomes = {}
        for machine in self.machines:
            seat, error = self.fleet.seat(machine), self.failed.get(machine.name)
            planned = len(self.plan.of(machine.name))
            changes = planned if self.dry else seat.changes
            state: State = ("failed" if error else "stopped" if machine.name in running else
                            "unchanged" if not changes else "differs" if self.dry else "changed")
            outcomes[machine.name] = Outcome(machine.name, state, changes, seat.busy, seat.commands,
                                             seat.round_trips, error)
        return Result(self.name, self.task, self.dry, self.plan, outcomes, self.remaining, seconds,
                      self.critical, tuple(self.errors), self.resume, running)
