"""Where faults are made: evenly over a run's commands, and exactly before, during or after one of them."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import simulated

sys.path.append(str(Path(__file__).parents[1] / "faults"))

from points import KINDS, in_order, planned
from stopping import MOMENTS, Point, Sent, Watch, Watched

from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.resources.base import Change, Command, Resource


class Setting(Resource):
    """`get NAME` says its value; `set NAME` makes it 1."""

    def __init__(self, title: str):
        self.title = title

    @property
    def name(self):
        return f"setting {self.title}"

    def probe(self):
        return f"get {self.title}"

    def changes(self, facts, altered):
        if facts != "1":
            yield Change("it is not 1", (Command(f"set {self.title}"),))


class Machine:
    """What it was told to do, in order."""

    def __init__(self):
        self.done: list[str] = []

    def __call__(self, verb: str, text: str) -> tuple[int, str]:
        if text.startswith("set "):
            self.done.append(text[4:])
        return 0, "1" if text.startswith("get ") and text[4:] in self.done else ""


def watched(point: Point | None, stand=lambda: None):
    """A run of three settings on one simulated machine, with a watch before its shells."""
    machine, record = Machine(), io.StringIO()
    rack = simulated.rack("rooster", "chick0")
    steps = [Step("a", (rack.machine("chick0"),), lambda rack, machine: [Setting(name) for name in "xyz"])]
    ways = simulated.Ways({"rooster": Machine(), "chick0": machine})
    result = run(rack, "test", steps, ways=Watched(ways, Watch(record, point, lambda: stand(machine))))
    assert result.exit_code == 0
    return machine, in_order([json.loads(line) for line in record.getvalue().splitlines()], ["rooster", "chick0"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_stands_still_exactly_where_it_should(moment):
    _, commands = watched(None)
    (at,) = [sent for sent, _ in commands if sent.shown == "set y"]
    seen = []
    machine, _ = watched(Point(at, moment), stand=lambda machine: seen.append(list(machine.done)))
    # the machine of a simulation has done all that it was sent at once: what comes later was sent with it
    assert seen == [{"before": ["x"], "during": ["x", "y", "z"], "after": ["x", "y"]}[moment]]
    assert machine.done == ["x", "y", "z"]


def test_a_command_is_the_same_in_every_run():
    assert [sent for sent, _ in watched(None)[1]] == [sent for sent, _ in watched(None)[1]]


def test_points_are_spread_over_all_commands_and_all_kinds_and_moments():
    commands = [(Sent("chick0", "act" if number % 4 else "probe", f"{number:03}", 1), 1.0) for number in range(237)]
    points = sorted(planned(100, 60), key=lambda each: each.number)
    at = [commands.index((each.point(commands).at, 1.0)) for each in points]
    assert [*at[:100]] == sorted(at[:100]) and max(b - a for a, b in pairwise(at[:100])) <= 3
    assert all(number % 4 for number in at[100:])
    assert max(Counter(each.kind for each in points).values()) <= 160 // len(KINDS) + 1
    assert {each.moment for each in points if each.kind == "killed"} == set(MOMENTS)
    assert len({each.name for each in points}) == 160


@pytest.mark.parametrize("only", [1, 7, 40, 160])
def test_a_sample_is_taken_evenly_and_has_the_same_points(only):
    sample, every = planned(100, 60, only), planned(100, 60)
    assert len(sample) == only and set(sample) <= set(every)
    assert len({each.kind for each in sample}) == min(only, len(KINDS))
