"""What a person sees of a run: plain lines, the board, the plan, the end, the journal."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_engine_run import Setting, Unready, rack_of, step

from fabfile.engine import events
from fabfile.engine.errors import CommandFailed, Crashed, Interrupted, WrongUsage
from fabfile.engine.journal import Journal, find, kept, result_as_data
from fabfile.engine.run import run
from fabfile.resources.base import Change, Command
from fabfile.screen.ending import ending_text, error_text
from fabfile.screen.plan import plan_text
from fabfile.screen.progress import Board, Lines
from fabfile.screen.runs import list_as_text, run_as_text

PROJECT = Path(__file__).parents[2]


class Filed(Setting):
    """A setting whose change has a diff and a way back."""

    def changes(self, facts, altered):
        if facts != self.value:
            command = Command(f"set {self.title} {self.value}")
            yield Change(f"{facts or 'nothing'}, should be {self.value}", (command,),
                         diff="-0\n+1\n", undo="set x 0")


def run_with(*settings, tell=None, dry=False, **answers):
    rack, ways, _ = rack_of("rooster", "chick0", **answers)
    steps = [step("prepare", rack, ["rooster", "chick0"], *settings)]
    return run(rack, "cluster.bootstrap", steps, ways=ways, dry=dry, tell=tell or (lambda event: None))


def unhurried(text: str) -> str:
    """As a computer that has nothing else to do would say it."""
    return re.sub(r"in \d+\.\d s", "in 0.0 s", text)


def test_plain_lines_begin_with_their_machine():
    out = io.StringIO()
    run_with(Setting("x", "1"), tell=Lines("flock", out), chick0={"set x": (2, "no such thing\n")})
    assert sorted(unhurried(out.getvalue()).splitlines()) == [
        "chick0: [prepare] failed: chick0, prepare, setting x: `set x 1` failed with exit code 2",
        "chick0: [prepare] planned: setting x: nothing, should be 1",
        "flock: 2 changes on 2 machines",
        "flock: [prepare] done in 0.0 s", "flock: [prepare] rooster, chick0",
        "rooster: [prepare] planned: setting x: nothing, should be 1",
        "rooster: [prepare] setting x: nothing, should be 1 (0.2 s)"]


def heard(monkeypatch, *texts):
    """Lines of what a command says, one each four seconds."""
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("fabfile.screen.progress.time.monotonic", lambda: next(clock))
    out = io.StringIO()
    lines = Lines("flock", out)
    for text in texts:
        lines(events.Heard("rooster", text))
    return out.getvalue().splitlines()


def test_a_long_wait_is_on_a_line_now_and_then(monkeypatch):
    assert heard(monkeypatch, "hooks, 0 s", "hooks, 4 s", "hooks, 8 s", "hooks, 12 s", "", "hooks, 20 s") == [
        "rooster: hooks, 0 s", "rooster: hooks, 8 s", "rooster: hooks, 20 s"]


def test_a_note_is_reported_at_once_and_once(monkeypatch):
    assert heard(monkeypatch, "hooks, 0 s", "note: it goes back", "note: it goes back", "pods, 12 s", "note: it goes back") == [
        "rooster: hooks, 0 s", "rooster: it goes back", "rooster: pods, 12 s"]


def test_the_board_keeps_a_note(monkeypatch):
    kept_lines = []
    board = Board(lambda line, **_: kept_lines.append(line))
    for text in ("hooks, 0 s", "note: it goes back", "note: it goes back"):
        board(events.Heard("rooster", text))
    assert kept_lines == ["rooster: it goes back"]


def test_the_board_has_a_line_for_each_machine_of_the_run_and_keeps_what_lasts():
    kept_lines = []
    board = Board(lambda line, **_: kept_lines.append(line))
    run_with(Setting("x", "1"), tell=board)
    assert board.render().row_count == 2
    assert kept_lines[0] == "2 changes on 2 machines" and unhurried(kept_lines[-1]) == "[prepare] done in 0.0 s"
    assert kept_lines[1].splitlines()[:2] == ["rooster: prepare", "  ~ setting x: nothing, should be 1"]


def test_a_plan_shows_machine_step_resource_and_diff():
    plan = run_with(Filed("x", "1"), dry=True).plan
    assert plan_text(plan).splitlines() == [
        "rooster: prepare", "  ~ setting x: nothing, should be 1",
        "      is rolled back automatically unless a new connection confirms it", "      -0", "      +1",
        "", "chick0: prepare", "  ~ setting x: nothing, should be 1",
        "      is rolled back automatically unless a new connection confirms it", "      -0", "      +1"]


def test_the_end_has_a_table_and_each_error_with_the_command_that_goes_on():
    text = ending_text(run_with(Setting("x", "1"), chick0={"set x": (2, "no such thing\n")}))
    lines = text.splitlines()
    assert lines[0].split() == ["machine", "result", "changes", "seconds"]
    assert lines[1].split()[:3] == ["rooster", "changed", "1"]
    assert lines[2].split()[:3] == ["chick0", "failed", "0"]
    assert "1 changed, 1 failed; 1 change in " in text
    assert text.endswith("chick0, prepare, setting x: `set x 1` failed with exit code 2\n    | no such thing\n\n"
                         "To resume: inv cluster.bootstrap")
    assert "The plan made afterwards is empty." in ending_text(run_with(Setting("x", "1")))


def test_bad_input_that_ends_a_run_before_its_plan_is_all_that_is_said():
    rack, ways, _ = rack_of("rooster")
    unready = Unready(WrongUsage("configs/hub.yaml:21: no such key"))
    result = run(rack, "hub.upgrade", [replace(step("hub", rack, ["rooster"], Setting("x", "1")), prepare=unready)], ways=ways)
    assert (ending_text(result), result.exit_code) == ("configs/hub.yaml:21: no such key", 2)


def test_an_error_says_where_what_and_a_hint():
    error = CommandFailed("chick1", "it ended", step="join", command="kubeadm join", code=1, tail=("a", "b"),
                          hint="look")
    assert error_text(error) == "chick1, join: it ended\n    during: kubeadm join\n    | a\n    | b\n    look"
    assert error_text(Interrupted({"chick1": "apt-get install"})) == (
        "interrupted; still running:\n    chick1: apt-get install")
    assert error_text(Interrupted({})) == "interrupted; nothing was running"


def test_the_journal_lists_runs_and_shows_one(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert list_as_text([]) == "No run yet."
    result = run_with(Setting("x", "1"), tell=Journal("flock"))
    runs = list(kept("flock"))
    assert list_as_text(runs).splitlines()[1].split()[0] == result.run and " succeeded " in list_as_text(runs)
    shown = run_as_text(runs[0])
    assert "    chick0: setting x: nothing, should be 1" in shown and "0.25 s  set x 1" in shown
    assert "plan afterwards: no changes" in shown


def test_runs_of_a_copy_of_the_rack_are_not_taken_for_its_own(tmp_path, monkeypatch):
    """Two folders whose hosts.yaml names one rack share a journal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    own, copy = Path("/srv/rack"), Path("/srv/staging")
    names = [run_with(Setting("x", str(number)), tell=Journal("flock", files)).run for number, files in enumerate([own, copy, None])]
    runs = [*kept("flock")]
    assert {run.run: run.folder for run in runs} == dict(zip(names, [str(own), str(copy), ""], strict=True))
    assert {line.split()[-1] for line in list_as_text(runs, str(own)).splitlines()[1:]} == {str(own), str(copy), "?"}
    alone = [run for run in runs if run.folder == str(copy)]
    assert list_as_text(alone, str(own)).splitlines()[1].endswith(str(copy))
    assert "folder" not in list_as_text(alone, str(copy)) and "folder" not in list_as_text([alone[0]])
    assert all(find("flock", "last", files).folder in (str(files), "") for files in (own, copy))
    assert find("flock", names[1], own).folder == str(copy)


def test_the_journal_reports_a_crashed_run_from_one_at_work_and_one_that_was_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    class Faulty(Setting):
        def probe(self):
            return 1 + self.title

    result = run_with(Faulty("x", "1"), tell=Journal("flock"))
    assert result.exit_code == 1 and isinstance(result.errors[0], Crashed)
    assert "this is a bug in Coop: TypeError: unsupported operand" in ending_text(result) and "Traceback" not in ending_text(result)
    assert " crashed " in list_as_text([*kept("flock")])
    logging.getLogger("invoke").setLevel(logging.DEBUG)  # as --debug does
    try:
        assert "Traceback" in ending_text(result) and "return 1 + self.title" in ending_text(result)
    finally:
        logging.getLogger("invoke").setLevel(logging.NOTSET)

    at_work = subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert at_work.stdout.readline() == "begun\n"
    assert list_as_text([*kept("other")]).splitlines()[1].split()[-3:] == ["running", "?", "?"]
    assert run_as_text(next(kept("other"))).endswith(": running")
    at_work.kill()
    at_work.wait()
    assert list_as_text([*kept("other")]).splitlines()[1].split()[-3:] == ["killed", "?", "?"]


AT_WORK = """
import time
from fabfile.engine.events import Began
from fabfile.engine.journal import Journal
journal = Journal("other")
journal(Began("20261128-120000-abcd", "node.add chick0", False, "spicy", "desk", 1, (), ()))
print("begun", flush=True)
time.sleep(60)
"""


def test_what_programs_get_is_whole():
    data = result_as_data(run_with(Setting("x", "1")))
    assert data["exit_code"] == 0 and data["changes"] == 2 and data["remaining"] == []
    assert [entry["machine"] for entry in data["plan"]] == ["rooster", "chick0"]
    assert data["machines"]["chick0"]["round_trips"] == 3


def test_a_long_wait_says_what_it_waits_for_and_not_all_the_time(monkeypatch):
    from fabfile.screen import progress
    out, now = io.StringIO(), [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = Lines("flock", out)
    for second in range(70):
        now[0] = 100.0 + second
        lines(events.Waiting("chick0", "join", "chick2 is Ready", "chick2 is not Ready"))
    assert out.getvalue().splitlines() == ["chick0: [join] waiting until chick2 is Ready: chick2 is not Ready"] * 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("answers, yes, agreed", [
    (Terminal("yes\n"), False, True), (Terminal("y\n"), False, False), (Terminal(""), False, False),
    (io.StringIO("yes\n"), False, False), (io.StringIO(""), True, True),
], ids=["typed", "typed something else", "nothing typed", "no terminal", "agreed beforehand"])
def test_what_is_interrupted_is_agreed_to_by_a_person_or_beforehand_and_else_not(answers, yes, agreed):
    from contextlib import nullcontext

    from fabfile.engine.plan import Entry
    from fabfile.resources.base import Change
    from fabfile.screen.consent import asked_for

    out = Terminal()
    entries = [Entry("chick1", "reboot", "reboot of chick1", Change("x", (), interrupts="chick1 reboots"))] * 2
    assert asked_for(yes, nullcontext, answers, out)(entries) is agreed
    if isinstance(answers, Terminal):
        assert out.getvalue() == "This interrupts:\n  ! chick1 reboots\nType yes to continue: "
