"""The real roles on machines that are functions: they end whole, and cost no more each when they are many."""

import sys
import threading
from itertools import count

from bench.simulated import apart, measure


def test_bare_machines_become_what_the_sample_racks_roles_want():
    """`measure` itself holds that nothing failed and that the plan afterwards is empty."""
    figures = apart("apply", 12)
    # a third only looks for what others have set, and finds none; and some files are only not to be there
    assert figures.resources > 200 and figures.changes > 0.6 * figures.resources


def test_work_grows_with_the_number_of_machines_and_no_faster(monkeypatch):
    """Lines of Python are counted, which says more than a clock beside other work; seconds and memory for the
    sizes of docs/performance.md are reported by python -m bench.simulated."""
    monkeypatch.setenv("XDG_STATE_HOME", "")  # `measure` sets it; it goes back
    fewer, more = lines_a_machine(60), lines_a_machine(240)
    assert more < 1.25 * fewer, (fewer, more)  # one search through the whole plan for every machine makes it 1.29


def lines_a_machine(machines: int) -> float:
    """How many lines of Python, run for a plan, fall to one machine."""
    lines = count()

    def note(frame, event, arg):
        if event == "line":
            next(lines)
        return note

    def counted(work):
        threading.settrace(note)
        sys.settrace(note)
        try:
            return work()
        finally:
            sys.settrace(None)
            threading.settrace(None)

    measure("plan", machines, counted)
    return next(lines) / machines
