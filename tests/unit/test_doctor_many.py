"""The doctor's rules at many machines: what they find, and that a machine costs no more where there are many."""

import sys
from itertools import count

import pytest

from fabfile.rules.examine import examine
from tests.unit.many import answers_of


def test_a_hundred_healthy_machines_are_silent():
    assert examine(answers_of(100)()) == []


def test_each_of_forty_machines_that_are_off_is_one_finding_with_all_that_follows():
    found = examine(answers_of(100, off=40)())
    assert [(one.rule, one.where) for one in found] == [("machine_unreachable", f"chick{number}") for number in range(60, 100)]
    assert {each.rule for one in found for each in one.follows} >= {"node_not_ready", "pods_on_a_lost_node", "pod_stuck_ending"}


@pytest.mark.parametrize("share_off", [0.0, 0.4])
def test_work_grows_with_the_number_of_machines_and_no_faster(share_off):
    """Lines of Python are counted, which says more than a clock beside other work."""
    fewer, more = (lines_a_machine(machines, int(share_off * machines)) for machines in (50, 200))
    assert more < 1.25 * fewer, (fewer, more)  # one walk through all machines for each machine makes it 1.6 to 2.2 times


def lines_a_machine(machines: int, off: int) -> float:
    """How many lines of Python, run by the rules, fall to one machine."""
    look, lines = answers_of(machines, off)(), count()

    def note(frame, event, arg):
        if event == "line":
            next(lines)
        return note

    sys.settrace(note)
    try:
        examine(look)
    finally:
        sys.settrace(None)
    return next(lines) / machines
