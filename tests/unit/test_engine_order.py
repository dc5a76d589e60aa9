"""Whole runs on simulated machines: who is changed when, what wants consent, who is missing, what is not begun."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Barrier

from test_engine_run import Computer, Setting, Unready, rack_of, step

from fabfile.engine import events
from fabfile.engine.errors import CheckFailed, Crashed, NoAnswer, NoLock, NotApproved, Unprepared
from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.resources.base import Check


@dataclass(frozen=True)
class Interrupting(Setting):
    """A setting whose change interrupts something."""

    def changes(self, facts, altered):
        for change in super().changes(facts, altered):
            yield replace(change, interrupts=f"{self.title} stops")


def test_what_interrupts_wants_consent_and_without_it_nothing_is_done():
    rack, ways, machines = rack_of("rooster", "a", "b")
    steps = [step("one", rack, ["a", "b"], Setting("x", "1"), Interrupting("y", "1"))]
    (error,) = run(rack, "test", steps, ways=ways).errors
    assert isinstance(error, NotApproved) and error.interruptions == ("y stops",)
    assert machines["a"].acted == machines["b"].acted == []
    asked = []
    result = run(rack, "test", steps, ways=ways, consent=lambda entries: asked.append(entries) or True)
    assert result.exit_code == 0 and [[entry.machine for entry in entries] for entries in asked] == [["a", "b"]]


def test_what_interrupts_goes_machine_by_machine_each_verified_before_the_next():
    rack, ways, machines = rack_of("rooster", "a", "b", "c", b={"is it so b": (1, "b is sick\n")})
    checks = {name: Check(f"{name} works", name, f"is it so {name}", 0.2, about=(name,)) for name in "abc"}
    steps = [step("one", rack, ["a", "b", "c"], Interrupting("y", "1"),
                  verify=lambda rack, given: [checks[machine.name] for machine in given]),
             step("two", rack, ["a"], Setting("z", "1"))]
    told = []
    result = run(rack, "test", steps, ways=ways, consent=lambda entries: True, tell=told.append)
    assert [machines[name].settings["y"] for name in "abc"] == ["1", "1", ""]  # c is not begun: b does not work
    assert machines["a"].settings["z"] == "" and isinstance(result.errors[0], CheckFailed)
    assert [event.later for event in told if isinstance(event, events.Stopped)] == [("two",)]


def test_an_interruption_that_nobody_was_shown_is_not_made():
    rack, ways, _machines = rack_of("rooster", "a")

    class Turning(Computer):  # what the first step does makes the second interrupt something
        def __call__(self, verb, text):
            if "set x 1" in text:
                self.settings["y"] = "0"
            return super().__call__(verb, text)

    ways.machines["a"] = Turning()
    ways.machines["a"].settings["y"] = "1"
    steps = [step("one", rack, ["a"], Setting("x", "1")), step("two", rack, ["a"], Interrupting("y", "1"))]
    (error,) = run(rack, "test", steps, ways=ways).errors
    assert isinstance(error, NotApproved) and ways.machines["a"].settings["y"] == "0"


def test_a_limit_limits_what_is_verified():
    rack, ways, _machines = rack_of("rooster", "a", "b")
    del ways.machines["b"]
    given = []
    steps = [step("one", rack, ["a", "b"], Setting("x", "1"), verify=lambda rack, machines: given.append(machines) or ())]
    assert run(rack, "test", steps, limit="a", ways=ways).exit_code == 0
    assert [[machine.name for machine in machines] for machines in given] == [["a"]]


def test_a_machine_that_cannot_be_reached_is_named_to_the_checks_and_keeps_nothing_from_being_done():
    rack, ways, machines = rack_of("rooster", "a", "b")
    del ways.machines["b"]
    given = []
    steps = [step("one", rack, ["a", "b"], Setting("x", "1"),
                  verify=lambda rack, machines: given.append((rack.missing, machines)) or ()),
             step("two", rack, ["a"], Setting("y", "1"))]
    result = run(rack, "test", steps, ways=ways)
    assert given == [(frozenset({"b"}), (rack.machine("a"),))] and machines["a"].settings["y"] == "1"
    assert result.exit_code == 1 and [error.machine for error in result.errors] == ["b"]


def test_a_machine_that_is_meant_to_be_off_is_left_out_and_the_run_ends_well():
    rack, ways, machines = rack_of("rooster", "a", "b")
    rack.machine("b").expected_off = True
    given, told = [], []
    steps = [step("one", rack, ["a", "b"], Setting("x", "1"), verify=lambda rack, machines: given.append(rack.missing) or ())]
    result = run(rack, "test", steps, ways=ways, tell=told.append)
    assert result.exit_code == 0 and machines["b"].acted == [] and "b" not in ways.shells
    assert given == [frozenset({"b"})] and result.machines["b"].state == "off"
    assert [event.machine for event in told if isinstance(event, events.Noticed)] == ["b"]


def test_nothing_is_changed_when_the_lock_cannot_be_asked_for():
    rack, ways, machines = rack_of("rooster", "a")
    del ways.machines["rooster"]
    result = run(rack, "test", [step("one", rack, ["a"], Setting("x", "1"))], ways=ways)
    assert [type(error) for error in result.errors] == [NoAnswer, NoLock] and machines["a"].acted == []


def test_a_step_begins_when_what_it_needs_is_verified_and_no_later():
    rack, ways, _ = rack_of("rooster", "a")

    def named(name, needs):
        return step(name, rack, ["a"], Setting(name, "1"), needs=needs, verify=lambda rack, machines: ())

    told = []
    run(rack, "test", [named("a", None), named("b", ("a",)), named("c", ("a",)), named("d", ("b",)), named("e", None)],
        ways=ways, tell=told.append)
    order = [event.step.upper() if isinstance(event, events.Verified) else event.step
             for event in told if isinstance(event, (events.StepEnded, events.Verified))]
    assert order == ["a", "A", "b", "c", "B", "d", "C", "D", "e", "E"]


def test_a_planned_change_that_is_not_needed_any_more_is_reported():
    rack, ways, _machines = rack_of("rooster", "a")
    steps = [step("one", rack, ["a"], Setting("x", "1")), step("two", rack, ["a"], Setting("x", "1"))]
    told = []
    result = run(rack, "test", steps, ways=ways, tell=told.append)
    assert (len(result.plan), result.changes) == (2, 1)
    assert [(event.step, event.resource) for event in told if isinstance(event, events.NotNeeded)] == [("two", "setting x")]


def test_a_fault_of_coop_itself_ends_as_one_sentence():
    rack, ways, _ = rack_of("rooster", "a")

    def role(rack, machine):
        raise KeyError("enp1s0")

    (error,) = run(rack, "test", [Step("one", (rack.machine("a"),), role)], ways=ways).errors
    assert isinstance(error, Crashed) and "\n" not in str(error) and "KeyError" in str(error)


def test_lanes_of_a_wave_are_made_at_the_same_time_and_one_that_fails_stops_what_comes_after_the_wave():
    rack, ways, machines = rack_of("rooster", "a", "b", b={"set y": (1, "no\n")})
    meeting = Barrier(2, timeout=10)  # nobody gets past it alone

    class Meeting(Computer):
        def __call__(self, verb, text):
            if "set x" in text:
                meeting.wait()
            return super().__call__(verb, text)

    for name in "ab":
        ways.machines[name] = Meeting(answers=machines[name].answers)
    steps = [step("one", rack, ["a"], Setting("x", "1"), needs=()), step("two", rack, ["b"], Setting("x", "1"), needs=()),
             step("three", rack, ["b"], Setting("y", "1"), needs=()), step("four", rack, ["a"], Setting("y", "1"), needs=()),
             step("five", rack, ["a"], Setting("z", "1"))]
    told = []
    result = run(rack, "test", steps, ways=ways, tell=told.append)
    assert ways.machines["a"].settings == {"x": "1", "y": "1", "z": ""} and ways.machines["b"].settings == {"x": "1", "y": ""}
    assert [(event.step, event.later) for event in told if isinstance(event, events.Stopped)] == [("three", ("five",))]
    assert [error.machine for error in result.errors] == ["b"]


def test_a_step_whose_preparation_fails_is_left_out_and_others_are_made():
    rack, ways, machines = rack_of("rooster", "a")
    unready = replace(step("two", rack, ["a"], Setting("y", "1")), prepare=Unready(Unprepared("nobody knows")))
    steps = [step("one", rack, ["a"], Setting("x", "1")), unready]
    result = run(rack, "test", steps, ways=ways)
    assert (machines["a"].settings["x"], machines["a"].settings["y"]) == ("1", "")
    assert [str(error) for error in result.errors] == ["nobody knows"] and result.exit_code == 1


def verified_together(a: int, shared: int, b: int, told: list):
    """Two steps, one of which is verified with the other; each has a check of its own, both have a third. Their answers."""
    rack, ways, machines = rack_of("rooster", "m", m={"is a so": (a, "a\n"), "are both so": (shared, "both\n"), "is b so": (b, "b\n")})
    both = Check("both are so", "m", "are both so", 0.4)
    checks = {name: [Check(f"{name} is so", "m", f"is {name} so", 0.4), both] for name in "ab"}
    steps = [step(name, rack, ["m"], Setting(name, "1"), verify=lambda rack, given, name=name: checks[name]) for name in "ab"]
    steps[1] = replace(steps[1], needs=())
    return run(rack, "test", steps, ways=ways, tell=told.append), machines["m"]


def test_steps_are_verified_at_the_same_time_and_a_check_of_both_is_asked_once():
    told = []
    result, _ = verified_together(0, 0, 0, told)
    assert [event.what for event in told if isinstance(event, events.Held)] == ["a is so", "both are so", "b is so"]
    assert [event.step for event in told if isinstance(event, events.Verified) and event.held] == ["a", "b"] and result.exit_code == 0


def test_the_first_step_that_does_not_hold_is_the_only_one_that_is_reported():
    told = []
    result, _ = verified_together(1, 0, 1, told)
    assert [error.step for error in result.errors] == ["a"]
    assert [(event.step, event.held) for event in told if isinstance(event, events.Verified)] == [("a", False)]


def test_a_later_step_that_does_not_hold_lets_an_earlier_one_hold():
    told = []
    result, _machine = verified_together(0, 0, 1, told)
    assert [error.step for error in result.errors] == ["b"]
    assert [(event.step, event.held) for event in told if isinstance(event, events.Verified)] == [("a", True), ("b", False)]
