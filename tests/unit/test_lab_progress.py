"""How far a lab's building is: the estimate, and what is shown of it on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lab.forge.event import Event
from lab.forge.schedule import Work
from lab.progress import Progress, spoken

PROJECT = Path(__file__).parents[2]


def waiting(name: str, usual: float, *inputs: str, turn: str | None = "compile") -> Event:
    return Event(name, "waiting", usual=usual, work=Work(name, inputs, turn, usual))


def after(*events: tuple[float, Event]) -> Progress:
    progress = Progress()
    for now, event in events:
        progress.take(event, now)
    return progress


THREE = ((0.0, waiting("a", 100)), (0.0, waiting("b", 60)), (0.0, waiting("c", 40, "a")))


def test_a_build_that_goes_as_it_usually_goes():
    begun = after(*THREE, (0.0, Event("a", "building")))
    assert (begun.left(0.0), begun.left(90.0), begun.done(0.0)) == (200, 110, 0)
    assert begun.done(100.0 - 1e-9) == pytest.approx(0.5, abs=0.03)
    on = after(*THREE, (0.0, Event("a", "building")), (100.0, Event("a", "built", 100.0)), (100.0, Event("b", "building")))
    assert on.left(130.0) == 70 and on.summary(130.0) == "1 of 3 parts built, about 1 minute left"
    assert on.line(130.0) == "building b for 30 s of about 60, 1 of 3 parts built, about 1 minute left"


def test_where_parts_take_longer_so_will_the_rest():
    """340 s of what was expected to take 100, beside a minute that counts as expected: 2.5 times as long."""
    late = after(*THREE, (0.0, Event("a", "building")))
    assert late.left(340.0) == pytest.approx(2.5 * 100 + 34)  # b and c, and a tenth of what a has taken already
    ended = after(*THREE, (0.0, Event("a", "building")), (340.0, Event("a", "built", 340.0)))
    assert ended.left(340.0) == pytest.approx(2.5 * 100)


def test_what_another_process_has_built_counts_as_built_and_says_nothing_of_the_pace():
    other = after(*THREE, (0.0, Event("a", "building")), (500.0, Event("a", "cached")))
    assert other.left(500.0) == 100 and other.summary(500.0).startswith("1 of 3")


def test_the_rest_of_a_lab_is_no_part_to_build():
    stage = after((0.0, Event("networks", "building")))
    assert not stage.is_building() and stage.line(4.0) == "building networks for 4 s"
    done = after((0.0, Event("networks", "building")), (1.0, Event("networks", "built", 1.0)))
    assert done.line(4.0) == "" and done.summary(4.0).startswith("0 of 0")


def test_the_last_part_ends_the_bar():
    progress = after((0.0, waiting("a", 10)), (0.0, Event("a", "building")))
    assert progress.is_building()
    progress.take(Event("a", "built", 10.0), 10.0)
    assert not progress.is_building() and progress.left(10.0) == 0


def test_a_second_build_counts_on():
    """Of another part with the same name, say: a lab's site with more in it."""
    progress = after((0.0, waiting("site", 10)), (0.0, Event("site", "building")), (10.0, Event("site", "built", 10.0)),
                     (10.0, waiting("site", 10)), (10.0, waiting("more", 10)))
    assert progress.is_building() and progress.summary(10.0).startswith("0 of 2 parts built")


@pytest.mark.parametrize("seconds, words", [
    (0, "less than a minute"), (49, "less than a minute"), (50, "about 1 minute"), (95, "about 2 minutes"),
    (839, "about 14 minutes")])
def test_an_estimate_is_spoken_no_more_exactly_than_it_is(seconds, words):
    assert spoken(seconds) == words


BUILD = """
import time
from lab.forge.event import Event
from lab.forge.schedule import Work
from lab.screen import progress
with progress(every=0.1) as tell:
    for name in "slow", "later":
        tell(Event(name, "waiting", usual=300.0, work=Work(name, (), "compile", 300.0)))
    tell(Event("slow", "building", usual=300.0))
    time.sleep(1.6)
    tell(Event("slow", "built", 1.6, 300.0))
"""


def test_without_a_terminal_a_line_says_again_and_again_what_is_being_built():
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=PROJECT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "slow: building (about 300 s)" and lines[-1] == "slow: built 1.6 s"
    between = lines[1:-1]
    assert len(between) > 2 and set(between) <= {
        f"building slow for {seconds} s of about 300, 0 of 2 parts built, about 10 minutes left" for seconds in (0, 1, 2)}


@pytest.mark.parametrize("kind, is_live", [("xterm-256color", True), ("dumb", False)])
def test_on_a_terminal_a_bar_is_drawn_twice_a_second(kind, is_live):
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")}
    process = subprocess.Popen([sys.executable, "-c", BUILD], cwd=PROJECT, stdin=theirs, stdout=theirs, stderr=theirs,
                               env=environment | {"TERM": kind, "COLUMNS": "100", "LINES": "30"})
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    text = said.decode()
    assert ("━" in text) == is_live
    assert text.count("0 of 2 parts built, about 10 minutes left") >= 3
    assert "1.6 s" in text
