"""Plans are functions of roles and facts."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from fabfile.engine.errors import ProbeFailed, WrongUsage
from fabfile.engine.plan import Entry, Plan, Wanted, by_step, chosen, differences, limited, unneeded, wanted, waves
from fabfile.engine.step import Step
from fabfile.rack.conflicts import Conflicts
from fabfile.resources.base import Change, Command, Resource, conflict


@dataclass(frozen=True)
class Follows(Resource):
    """Alters its own name when facts say so, and acts when what it watches is altered."""

    title: str
    watches: str = ""

    @property
    def name(self):
        return self.title

    def probe(self):
        return ":"

    def changes(self, facts, altered):
        if facts == "nonsense":
            raise KeyError("what")
        if facts == "differs" or self.watches in altered:
            yield Change(f"{self.title} differs", (Command(":"),), alters=frozenset({self.title}))


def machines(*names):
    return tuple(SimpleNamespace(name=name) for name in names)


def steps():
    a, b, c = machines("a", "b", "c")
    role = lambda rack, machine: [Follows(f"on {machine.name}")]  # noqa: E731
    return [Step("first", (a,), role), Step("Pod network", (b, c), role), Step("last", (a, b), role)]


def test_what_earlier_resources_will_alter_is_known_to_later_ones_also_across_steps():
    wants = [Wanted("one", Follows("x")), Wanted("one", Follows("y", "x")), Wanted("two", Follows("z", "y")),
             Wanted("two", Follows("w", "nothing"))]
    assert [e.resource for e in differences("m", wants, ["differs", "", "", ""])] == ["x", "y", "z"]
    assert differences("m", wants, ["", "", "", ""]) == ()


def test_facts_that_make_no_sense_name_machine_and_resource():
    with pytest.raises(ProbeFailed) as told:
        differences("m", [Wanted("one", Follows("x"))], ["nonsense"])
    assert str(told.value) == "m, one, x: its probe output cannot be parsed: KeyError: 'what'"


@dataclass(frozen=True)
class SetByOthers(Resource):
    """Somebody else has set it, in a file of their own."""

    can: bool = True
    may_stay: bool = True

    @property
    def name(self):
        return "setting"

    def probe(self):
        return ":"

    def changes(self, facts, altered):
        yield conflict("/etc/theirs", "/etc/theirs:1 sets it", Command("take") if self.can else None, keepable=self.may_stay)


@pytest.mark.parametrize("can, may_stay, ways", [
    (True, True, ", or name /etc/theirs in hosts.yaml under conflicts.take_over or conflicts.keep"),
    (True, False, ", or name /etc/theirs in hosts.yaml under conflicts.take_over"),
    (False, True, ", or name /etc/theirs in hosts.yaml under conflicts.keep"),
    (False, False, "")])
def test_what_others_have_set_is_rejected_with_the_ways_out(can, may_stay, ways):
    [entry] = differences("m", [Wanted("one", SetByOthers(can, may_stay))], [""])
    assert entry.change.rejected and entry.change.what == f"m: /etc/theirs:1 sets it; remove it there{ways}"
    assert "take" not in [command.script for command in entry.change.commands]


@pytest.mark.parametrize("can, may_stay, conflicts, left", [
    (True, True, {"take_over": ["/etc/theirs"]}, ["take"]),
    (True, True, {"take_over": ["/etc/th*"]}, ["take"]),
    (True, True, {"keep": ["/etc/theirs"]}, []),
    (False, True, {"take_over": ["/etc/theirs"]}, ["rejected"]),
    (True, False, {"keep": ["/etc/theirs"]}, ["rejected"]),
    (True, True, {"take_over": ["/etc/others"], "keep": ["/etc/the"]}, ["rejected"])])
def test_hosts_yaml_has_it_taken_over_or_kept(can, may_stay, conflicts, left):
    found = differences("m", [Wanted("one", SetByOthers(can, may_stay))], [""], Conflicts(**conflicts))
    assert ["rejected" if entry.change.rejected else entry.change.commands[0].script for entry in found] == left


def test_each_machine_is_asked_for_its_own_resources_in_the_order_of_the_steps():
    found = wanted(None, steps())
    assert {name: [(w.step, w.resource.name) for w in wants] for name, wants in found.items()} == {
        "a": [("first", "on a"), ("last", "on a")], "b": [("Pod network", "on b"), ("last", "on b")],
        "c": [("Pod network", "on c")]}


def test_a_plan_goes_by_steps_and_in_each_by_machines():
    entries = {name: differences(name, wants, ["differs"] * len(wants))
               for name, wants in wanted(None, steps()).items()}
    plan = by_step(steps(), entries)
    assert [(e.step, e.machine) for e in plan] == [
        ("first", "a"), ("Pod network", "b"), ("Pod network", "c"), ("last", "a"), ("last", "b")]
    assert plan.machines() == ("a", "b", "c") and len(plan.of("a")) == 2 and len(plan.of("a", "last")) == 1
    assert plan and not Plan()


@pytest.mark.parametrize("only, from_, names", [
    (None, None, ["first", "Pod network", "last"]), ("pod-network", None, ["Pod network"]),
    (None, "POD NETWORK", ["Pod network", "last"]), ("first", None, ["first"])])
def test_steps_are_chosen_by_name(only, from_, names):
    assert [step.name for step in chosen(steps(), only, from_)] == names


def test_an_unknown_step_or_machine_is_reported_with_those_that_there_are():
    with pytest.raises(WrongUsage, match="no step 'frist' here; the steps are: first, Pod network, last"):
        chosen(steps(), "frist", None)
    with pytest.raises(WrongUsage, match="no step here touches a machine 'd'; they touch: a, b, c"):
        limited(steps(), "a,d")


def test_a_limit_leaves_out_machines_and_steps_that_have_none_left():
    left = limited(steps(), "a")
    assert {step.name: [m.name for m in step.machines] for step in left} == {"first": ["a"], "last": ["a"]}


def test_steps_go_in_waves_of_lanes_that_have_no_machine_in_common():
    rooster, chick0, chick1 = machines("rooster", "chick0", "chick1")

    def step(name, *on, needs=None):
        return Step(name, on, lambda rack, machine: [], needs=needs)

    found = waves([
        step("gateway", rooster), step("prepare", chick0, chick1), step("nginx", rooster, needs=("gateway",)),
        step("helm", rooster, needs=("gateway",)), step("control plane", chick0),
        step("pods", chick0, needs=("control plane",)), step("storage", chick0, needs=("control plane",)),
        step("join", chick1, needs=("control plane",)), step("nodes", chick0, needs=("join",)),
        step("both", chick0, rooster, needs=()), step("all", chick0)])
    assert [[[each.name for each in lane] for lane in wave] for wave in found] == [
        [["gateway"]], [["prepare"], ["nginx", "helm"]], [["control plane"]], [["pods", "storage"], ["join"]],
        [["nodes", "both"]], [["all"]]]


def test_of_each_resource_as_many_planned_changes_are_not_needed_as_it_has_less():
    def entries(*whats):
        return [Entry("a", "s", what.split()[0], Change(what, ())) for what in whats]

    planned = entries("unit is not enabled", "unit is not running", "file is absent", "swap is on")
    gone = unneeded(planned, entries("unit is not running", "file is absent"))
    assert [entry.change.what for entry in gone] == ["unit is not enabled", "swap is on"]
    assert unneeded(planned, entries(*(entry.change.what + "!" for entry in planned))) == []
