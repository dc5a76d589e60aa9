"""Whole runs, with machines that are functions: order, round trips, failures, loans."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import ClassVar

import simulated

from fabfile.engine import events
from fabfile.engine.errors import CheckFailed, CommandFailed, CoopError, LinkLost, LockHeld, NoAnswer, RemoteValueFailed
from fabfile.engine.journal import Journal, find, kept
from fabfile.engine.procedure import rolling
from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.resources.base import Change, Check, Command, RemoteValue, Resource
from fabfile.secret import MASK, Secret, mask


@dataclass(frozen=True)
class Unready:
    """A preparation that ends with this error: what it prepares never begins."""

    error: CoopError

    def before(self, ask):
        raise self.error

    def after(self, ask):
        raise AssertionError("it never began")


@dataclass(frozen=True)
class Setting(Resource):
    """`get NAME` says its value; `set NAME VALUE` changes it."""

    title: str
    value: str
    remote_values: tuple[RemoteValue, ...] = ()

    @property
    def name(self):
        return f"setting {self.title}"

    def probe(self):
        return f"get {self.title}"

    def changes(self, facts, altered):
        if facts != self.value:
            command = Command(f"set {self.title} {self.value}")
            yield Change(f"{facts or 'nothing'}, should be {self.value}", (command,), remote_values=self.remote_values)


@dataclass
class Computer:
    """A machine that keeps settings. What is asked of it besides is in `answers`, by how it begins."""

    settings: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    acted: list[str] = field(default_factory=list)

    def __call__(self, verb: str, text: str) -> tuple[int, str]:
        for start, answer in self.answers.items():
            if start in text:
                self.acted.append(text)
                return answer
        last = text.splitlines()[-1].split()
        if last[:1] == ["get"]:
            return 0, self.settings[last[1]]
        if last[:1] == ["set"]:
            self.acted.append(text)
            self.settings[last[1]] = last[2]
        return 0, ""


def rack_of(*names, **answers):
    machines = {name: Computer(answers=answers.get(name, {})) for name in names}
    return simulated.rack(*names), simulated.Ways(machines), machines


def step(name, rack, machines, *settings, **options):
    return Step(name, tuple(rack.machine(m) for m in machines), lambda rack, machine: settings, **options)


def test_nothing_different_is_one_write_a_machine_and_the_plan_is_not_made_twice():
    rack, ways, _machines = rack_of("rooster", "chick0")
    steps = [step("a", rack, ["rooster", "chick0"], *(Setting(f"s{n}", "") for n in range(20))),
             step("b", rack, ["chick0"], Setting("t", ""))]
    result = run(rack, "test", steps, ways=ways)
    assert (result.exit_code, result.changes, result.remaining) == (0, 0, None)
    assert [len(shell.written) for shells in ways.shells.values() for shell in shells] == [1, 1]


def test_one_change_costs_two_round_trips_more_and_the_plan_afterwards_is_empty():
    rack, ways, machines = rack_of("rooster", "chick0")
    steps = [step("a", rack, ["chick0"], Setting("x", "1"), Setting("y", "2"))]
    result = run(rack, "test", steps, ways=ways)
    assert machines["chick0"].settings == {"x": "1", "y": "2"}
    assert result.remaining is not None and not result.remaining and result.exit_code == 0
    assert result.machines["chick0"].round_trips == 3


def test_a_later_step_looks_again_once_anything_was_changed():
    rack, ways, machines = rack_of("rooster", "chick0")
    machines["rooster"].answers["set shared"] = (0, "")

    def appears(verb, text):
        machines["chick0"].settings["shared"] = "1"  # made by what rooster did
        return 0, ""

    class Rooster(Computer):
        def __call__(self, verb, text):
            return appears(verb, text) if "set shared" in text else super().__call__(verb, text)

    ways.machines["rooster"] = Rooster()
    ways.machines["rooster"].settings["shared"] = ""
    shared = Setting("shared", "1")
    steps = [step("a", rack, ["rooster"], shared), step("b", rack, ["chick0"], shared)]
    result = run(rack, "test", steps, ways=ways)
    assert machines["chick0"].acted == []  # planned at first, found done when it came to it
    assert result.machines["chick0"].changes == 0


def test_a_failure_stops_its_machine_alone_and_the_run_ends_with_1():
    rack, ways, machines = rack_of("rooster", "chick0", "chick1", chick0={"set y": (9, "no\n")})
    steps = [step("a", rack, ["chick0", "chick1"], Setting("x", "1"), Setting("y", "1"), Setting("z", "1")),
             step("b", rack, ["chick0", "chick1"], Setting("w", "1"))]
    result = run(rack, "test", steps, ways=ways)
    assert machines["chick0"].settings == {"x": "1", "y": "", "z": "", "w": ""}
    assert machines["chick1"].settings == {"x": "1", "y": "1", "z": "1", "w": "1"}
    (error,) = result.errors
    assert isinstance(error, CommandFailed) and (error.code, error.tail) == (9, ("no",))
    assert result.exit_code == 1


def test_a_serial_step_goes_no_further_once_a_machine_has_failed():
    rack, ways, machines = rack_of("rooster", "a", "b", "c", b={"set x": (1, "")})
    steps = [step("one by one", rack, ["a", "b", "c"], Setting("x", "1"), serial=True),
             step("then", rack, ["a"], Setting("y", "1"))]
    run(rack, "test", steps, ways=ways)
    assert [machines[m].settings["x"] for m in "abc"] == ["1", "", ""] and machines["a"].settings["y"] == ""


def test_a_machine_that_gives_no_answer_is_reported_and_the_others_are_done():
    rack, ways, machines = rack_of("rooster", "chick0", "chick1")
    del ways.machines["chick0"]
    result = run(rack, "test", [step("a", rack, ["chick0", "chick1"], Setting("x", "1"))], ways=ways)
    assert isinstance(result.errors[0], NoAnswer) and machines["chick1"].settings["x"] == "1"


def test_a_dry_run_acts_on_nothing_and_takes_no_lock():
    rack, ways, _machines = rack_of("rooster", "chick0")
    result = run(rack, "test", [step("a", rack, ["chick0"], Setting("x", "1"))], dry=True, ways=ways)
    assert result.exit_code == 3 and list(ways.shells) == ["chick0"] and len(result.plan) == 1
    (written,) = ways.shells["chick0"][0].written
    assert "flock -n 8" not in written and "mkdir" not in written


def test_a_held_lock_refuses_the_run():
    holder = json.dumps({"run": "r", "who": "spicy", "origin": "desk", "since": "2026-11-23T20:00:00+00:00",
                         "task": "node.add chick11"})
    rack, ways, machines = rack_of("rooster", "chick0", rooster={"flock -n 8": (75, holder + "\n")})
    result = run(rack, "test", [step("a", rack, ["chick0"], Setting("x", "1"))], ways=ways)
    (error,) = result.errors
    assert isinstance(error, LockHeld) and machines["chick0"].acted == []
    assert "spicy from desk holds the lock on this rack since 2026-11-23T20:00:00" in str(error)
    assert "running node.add chick11" in str(error)


TOKEN = RemoteValue("TOKEN", "chick0", "make-token", "a token of 15 minutes", "delete-token $TOKEN")


def test_a_remote_value_is_set_just_before_and_revoked():
    lender = {"make-token": (0, "abcdef.0123\n"), "delete": (0, "")}
    rack, ways, machines = rack_of("rooster", "chick0", "chick1", chick0=lender)
    told = []
    steps = [step("join", rack, ["chick1"], Setting("joined", "1", (TOKEN,)))]
    result = run(rack, "test", steps, ways=ways, tell=told.append)
    assert result.exit_code == 0
    assert machines["chick1"].acted == ["TOKEN=abcdef.0123\nset joined 1"]
    assert machines["chick0"].acted == ["make-token", "TOKEN=abcdef.0123\ndelete-token $TOKEN"]
    assert "abcdef.0123" not in repr(told)


def test_another_machine_that_fails_is_named_and_nothing_is_done():
    lender = {"make-token": (1, "connection refused\n")}
    rack, ways, machines = rack_of("rooster", "chick0", "chick1", chick0=lender)
    result = run(rack, "test", [step("join", rack, ["chick1"], Setting("joined", "1", (TOKEN,)))], ways=ways)
    (error,) = result.errors
    assert isinstance(error, RemoteValueFailed) and "chick0 could not create a token of 15 minutes" in str(error)
    assert error.tail == ("connection refused",) and machines["chick1"].acted == []


class Cut(Computer):
    """A machine whose line is cut when it is told `at`."""

    def __init__(self, at, **options):
        super().__init__(**options)
        self.at = at

    def __call__(self, verb, text):
        if text.splitlines()[-1].startswith(self.at):
            raise LinkLost("", "the connection was lost", hint="wait")
        return super().__call__(verb, text)


def test_a_value_is_not_revoked_while_a_command_may_still_use_it():
    lender = {"make-token": (0, "abcdef.0123\n"), "delete": (0, "")}
    rack, ways, machines = rack_of("rooster", "chick0", "chick1", "chick2", chick0=lender)
    ways.machines["chick1"] = Cut("set joined")
    ways.machines["chick2"].answers["set joined"] = (1, "no")
    steps = [step("join", rack, ["chick1", "chick2"], Setting("joined", "1", (TOKEN,)))]
    result = run(rack, "test", steps, ways=ways)
    assert {type(error).__name__ for error in result.errors} == {"LinkLost", "CommandFailed"}
    assert sum("delete-token" in text for text in machines["chick0"].acted) == 1


def test_another_machine_whose_line_is_cut_is_a_failure_of_this_machine():
    rack, ways, _machines = rack_of("rooster", "chick0", "chick1")
    ways.machines["chick0"] = Cut("make-token")
    result = run(rack, "test", [step("join", rack, ["chick1"], Setting("joined", "1", (TOKEN,)))], ways=ways)
    (error,) = result.errors
    assert isinstance(error, RemoteValueFailed) and (error.machine, error.step) == ("chick1", "join")
    assert "chick0 could not create a token of 15 minutes: the connection was lost" in str(error)
    assert error.command == "creates a token of 15 minutes for chick1" and error.hint == "wait"
    assert result.machines["chick1"].state == "failed"


def test_what_failed_first_is_reported_also_when_the_value_cannot_be_revoked():
    rack, ways, _machines = rack_of("rooster", "chick0", "chick1", chick1={"set joined": (3, "no room")})
    ways.machines["chick0"] = Cut("delete-token", answers={"make-token": (0, "abcdef.0123\n")})
    result = run(rack, "test", [step("join", rack, ["chick1"], Setting("joined", "1", (TOKEN,)))], ways=ways)
    (error,) = result.errors
    assert isinstance(error, CommandFailed) and error.tail == ("no room",)


def test_a_line_that_is_cut_during_a_look_names_step_and_probe():
    rack, ways, _machines = rack_of("rooster", "chick0")
    ways.machines["chick0"] = Cut("get y")
    steps = [step("a", rack, ["chick0"], Setting("x", "")), step("b", rack, ["chick0"], Setting("y", ""))]
    (error,) = run(rack, "test", steps, ways=ways).errors
    assert (error.command, error.hint) == ("probe of setting x", "wait")  # a function hears all of a write at once


def test_a_step_that_is_not_verified_is_the_last_one():
    rack, ways, machines = rack_of("rooster", "chick0", chick0={"does it hold": (1, "not yet\n")})
    checks = [Check("it holds", "chick0", "does it hold", 0.2)]
    steps = [step("a", rack, ["chick0"], Setting("x", "1"), verify=lambda rack, machines: checks),
             step("b", rack, ["chick0"], Setting("y", "1"))]
    result = run(rack, "test", steps, ways=ways)
    assert isinstance(result.errors[0], CheckFailed) and machines["chick0"].settings["y"] == ""


def test_what_comes_nearer_is_waited_for_up_to_its_utmost():
    """Its limit counts from when it last moved: 75 is how a script says that it does."""
    for most, least, longest in ((0.0, 0.2, 2), (1.5, 1.5, 5)):
        rack, ways, _ = rack_of("rooster", "chick0", chick0={"does it hold": (75, "it pulls an image\n")})
        checks = [Check("it holds", "chick0", "does it hold", 0.2, most)]
        began = time.monotonic()
        steps = [step("a", rack, ["chick0"], Setting("x", "1"), verify=lambda rack, machines, checks=checks: checks)]
        result = run(rack, "test", steps, ways=ways)
        assert isinstance(result.errors[0], CheckFailed) and least < time.monotonic() - began < longest


def test_a_check_of_a_later_stage_has_its_whole_limit_however_long_the_first_took():
    class Slow(Computer):
        """The first holds 0.6 s after it was asked first, and so does the second 0.3 s after."""

        began: ClassVar[dict[str, float]] = {}

        def __call__(self, verb: str, text: str) -> tuple[int, str]:
            for name, seconds in (("first", 0.6), ("second", 0.3)):
                if f"is the {name}" in text:
                    return int(time.monotonic() - self.began.setdefault(name, time.monotonic()) < seconds), ""
            return super().__call__(verb, text)

    rack, ways, _ = rack_of("rooster", "chick0")
    ways.machines["chick0"] = Slow()
    checks = [Check("it is", "chick0", "is the first", 5), Check("so is it", "chick0", "is the second", 0.5, stage=1)]
    result = run(rack, "test", [step("a", rack, ["chick0"], Setting("x", "1"), verify=lambda rack, machines: checks)], ways=ways)
    assert not result.errors


def test_a_pending_verification_comes_last_of_all_and_keeps_nothing_from_being_done():
    rack, ways, machines = rack_of("rooster", "chick0", chick0={"echo pending": (0, "pending"), "does it hold": (1, "not yet\n")})
    checks = [Check("it holds", "chick0", "does it hold", 0.2)]
    steps = [step("a", rack, ["chick0"], Setting("x", ""), verify=lambda rack, machines: checks),
             step("b", rack, ["chick0"], Setting("y", "1"))]
    told = []
    result = run(rack, "test", steps, ways=ways, tell=told.append)
    assert isinstance(result.errors[0], CheckFailed) and result.exit_code == 1
    assert machines["chick0"].settings["y"] == "1"
    steps = [(type(event), event.step) for event in told if isinstance(event, (events.StepEnded, events.Verified))]
    assert steps == [(events.StepEnded, "b"), (events.Verified, "a")]
    assert [entry.resource for entry in result.remaining] == ["verification of a"]


def test_a_procedure_goes_on_when_what_a_killed_run_has_not_verified_holds():
    rack, ways, machines = rack_of("rooster", "chick0", "chick1", chick0={"echo pending": (0, "pending"), "does it hold": (1, "not yet\n")})
    checks = [Check("it holds", "chick0", "does it hold", 0.2)]
    steps = rolling([rack.machine("chick0"), rack.machine("chick1")], lambda batch: [
        step(f"turn of {one.name}", rack, [one.name], Setting("x", one.name[-1].strip("0")), verify=lambda rack, machines: checks)
        for one in batch])
    result = run(rack, "test", steps, ways=ways)
    assert isinstance(result.errors[0], CheckFailed) and machines["chick1"].settings["x"] == ""
    machines["chick0"].answers["does it hold"] = (0, "")
    run(rack, "test", steps, ways=ways)
    assert machines["chick1"].settings["x"] == "1"


def test_secrets_are_masked_wherever_they_come_back():
    password = Secret("correct horse battery staple")
    assert repr(password) == f"Secret({MASK})" and f"{password}" == MASK and "horse" not in repr([password])
    assert mask(f"said {password.reveal()}!") == f"said {MASK}!"
    from base64 import b64encode
    assert mask(b64encode(password.reveal().encode()).decode()) == MASK
    key = Secret("-----BEGIN KEY-----\n" + "A1b2" * 16 + "\n-----END KEY-----\n")
    assert mask("line: " + "A1b2" * 16) == f"line: {MASK}"
    assert key == Secret(key.reveal()) and len({key, Secret(key.reveal())}) == 1


def test_the_journal_has_it_all_and_a_killed_run_leaves_what_it_did(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    rack, ways, _machines = rack_of("rooster", "chick0")
    journal = Journal("simulated")
    steps = [step("a", rack, ["chick0"], Setting("x", "1"))]
    result = run(rack, "node.add chick0", steps, ways=ways, tell=journal)
    (found,) = kept("simulated")
    assert (found.run, found.began["task"], found.ended["exit_code"]) == (result.run, "node.add chick0", 0)
    assert [record["what"] for record in found.of("changed")] == ["nothing, should be 1"]
    assert found.of("ran")[0]["seconds"] == 0.25
    path = tmp_path / "coop/simulated/runs" / f"{result.run}.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + '\n{"at": 17, "eve')
    assert find("simulated", "last").ended is None and find("simulated", result.run[-4:]).of("changed")
    json.dumps(found.records)


def test_events_come_in_order():
    rack, ways, _ = rack_of("rooster", "chick0")
    told = []
    run(rack, "test", [step("a", rack, ["chick0"], Setting("x", "1"))], ways=ways, tell=told.append)
    kinds = [type(event) for event in told if not isinstance(event, events.Connected)]
    assert kinds == [events.Began, events.Probed, events.Planned, events.StepBegan, events.Applying,
                     events.Ran, events.Changed, events.StepEnded, events.Probed, events.Planned,
                     events.Ended]
