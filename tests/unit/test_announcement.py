"""Announcements on a hub's pages: what is written into its file, and until when it is shown."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from invoke import Exit

from fabfile.facts.hub import HubState
from fabfile.loading import load
from fabfile.rack.editing import edited
from fabfile.tasks import announcing
from fabfile.tasks import converge as converging
from fabfile.tasks.announcing import converged_and_told, write_announcement
from fabfile.tasks.hub import announce
from fabfile.upstream.announcement import announcement, changes, moment
from fabfile.upstream.release import looked_up
from tests.unit.test_organisations import BIOLOGY, COMMON, PHYSICS, made

BASE = Path(__file__).parents[1] / "cases/hub/base"
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize("text, until", [
    ("18:00", datetime(2026, 11, 24, 18, 0, tzinfo=UTC)), ("20:30", datetime(2026, 11, 23, 20, 30, tzinfo=UTC)),
    ("7", datetime(2026, 11, 24, 7, 0, tzinfo=UTC)), ("2026-12-24T18:00", datetime(2026, 12, 24, 18, 0, tzinfo=UTC)),
    ("2026-12-24 18:00+02:00", datetime(2026, 12, 24, 16, 0, tzinfo=UTC)), ("tomorrow", None), ("25:00", None), ("2026-11-01", None)])
def test_until_when(text, until):
    if until is None:
        with pytest.raises(ValueError):
            moment(text, NOW)
    else:
        assert moment(text, NOW) == until


def test_what_people_write_is_text_and_no_html():
    assert announcement(" a < b & <script>c</script> ") == "a &lt; b &amp; &lt;script&gt;c&lt;/script&gt;"
    until = announcement("Soon", NOW)
    assert until.startswith("Soon<script>{const box") and f"left = {int(NOW.timestamp() * 1000)} -" in until


def test_the_script_is_one_that_a_browser_runs(tmp_path):
    """It takes the box away at once when its time is over, and not before."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    script = announcement("", NOW).removeprefix("<script>").removesuffix("</script>")
    for date, removed in ((NOW.timestamp() * 1000 + 1, "true"), (NOW.timestamp() * 1000 - 5000, "false")):
        page = f"let gone = false; Date.now = () => {date}; globalThis.setTimeout = () => 0;" \
               "globalThis.document = {currentScript: {parentElement: {remove() { gone = true; }}}};" + script + "console.log(gone);"
        assert subprocess.run(["node", "-e", page], capture_output=True, text=True, check=True).stdout.strip() == removed


@pytest.mark.parametrize("file, values", [("hub.yaml", ("values",)), ("services.yaml", ("services", "staging", "values"))])
def test_the_file_has_it_and_is_as_before_without_it(file, values):
    before = (BASE / "configs" / file).read_text()
    with_it = edited(before, changes(values, "Maintenance: tonight, <em>"))
    tree = yaml.safe_load(with_it)
    for key in values:
        tree = tree[key]
    assert tree["hub"]["templateVars"]["announcement"] == "Maintenance: tonight, <em>"
    assert yaml.safe_load(edited(with_it, changes(values, None))) == yaml.safe_load(before)
    assert [line for line in before.splitlines() if line not in with_it.splitlines()] == []


@pytest.mark.parametrize("name", ["biology", "physics"])
def test_of_organisations_each_has_its_own(tmp_path, name):
    """Also where a line has no values yet, and nothing of what all have in common is touched."""
    rack = made(tmp_path, COMMON + BIOLOGY + PHYSICS)
    assert write_announcement(rack, rack.services[name], "Tonight")
    told = {one: looked_up(service.values, "hub", "templateVars", "announcement") for one, service in load(rack.folder).services.items()}
    assert told == {**dict.fromkeys(told), name: "Tonight"}
    assert write_announcement(load(rack.folder), rack.services[name], None)
    assert load(rack.folder).services == rack.services


class Work:
    """In place of runs: each is noted with what hub's file announces by then. Those of `failing` fail."""

    def __init__(self, rack, monkeypatch, servers=("ada",), to_do=3, failing=()):
        self.rack, self.runs, self.to_do, self.failing = rack, [], to_do, failing
        monkeypatch.setattr(converging, "converge", self.converge)
        monkeypatch.setattr(announcing, "states_of_hubs", lambda rack, ways: {
            "hub": HubState("hub", {}, (), {}, {"servers": [*servers]}, "", ""),
            "staging": HubState("staging", {}, (), {}, {}, "silent", "")})

    @property
    def told(self) -> str:
        return str(looked_up(load(self.rack.folder).services["hub"].values, "hub", "templateVars", "announcement") or "").partition(":")[0]

    def converge(self, command, steps, *, dry=False, yes=False, json=False, rack=None):
        self.runs.append((command.split()[0] + (" --dry" if dry else ""), self.told))
        if dry:
            raise Exit(code=self.to_do)
        if command.split()[0] in self.failing:
            raise Exit("it failed", code=1)

    def do(self, **given):
        converged_and_told("node.update", lambda rack: [], self.rack, **{"tell": True, "dry": False, "yes": True, "json": False} | given)


UPDATED = "The machines are being updated, one after the other"
BEFORE = [("node.update --dry", ""), ("hub.upgrade", UPDATED), ("node.update", UPDATED)]


@pytest.fixture
def rack(tmp_path):
    return load(shutil.copytree(BASE, tmp_path / "rack"))


def test_a_hub_tells_its_users_before_their_servers_end_and_not_any_more_afterwards(rack, monkeypatch):
    work = Work(rack, monkeypatch)
    work.do()
    assert work.runs == [*BEFORE, ("hub.announce", "")] and work.told == ""
    assert load(rack.folder).services == rack.services


@pytest.mark.parametrize("given, made", [
    ({"servers": ()}, {}), ({"to_do": 0}, {}), ({"to_do": 2}, {}), ({}, {"tell": False})],
    ids=["nobody has a server", "there is nothing to do", "it is refused", "--silent"])
def test_a_hub_has_nothing_to_tell(rack, monkeypatch, given, made):
    work = Work(rack, monkeypatch, **given)
    work.do(**made)
    assert [run for run in work.runs if run[0] != "node.update --dry"] == [("node.update", "")]


def test_who_interrupts_it_before_does_not_have_the_work_done(rack, monkeypatch):
    work = Work(rack, monkeypatch, to_do=130)
    with pytest.raises(Exit):
        work.do()
    assert work.runs == [("node.update --dry", "")]


def test_a_hub_that_cannot_tell_it_is_not_waited_for(rack, monkeypatch, capsys):
    work = Work(rack, monkeypatch, failing=["hub.upgrade"])
    work.do()
    assert work.runs == [*BEFORE[:2], ("node.update", "")]
    assert "hub could not tell its users of this (it failed); the work goes on without" in capsys.readouterr().err


def test_work_that_failed_is_told_of_until_a_later_run_has_ended_it(rack, monkeypatch, capsys):
    work = Work(rack, monkeypatch, failing=["node.update"])
    with pytest.raises(Exit):
        work.do()
    assert work.told == UPDATED and "inv hub.announce --hub hub --clear" in capsys.readouterr().err
    later = Work(load(rack.folder), monkeypatch)
    later.do()
    assert later.runs == [("node.update", UPDATED), ("hub.announce", "")], "it is told already"


def test_what_somebody_else_announces_stays(rack, monkeypatch):
    write_announcement(rack, rack.services["hub"], "Exams")
    work = Work(load(rack.folder), monkeypatch)
    work.do()
    assert work.runs == [("node.update", "Exams")]


@pytest.mark.parametrize("given, said", [
    ({}, "--clear removes it"), ({"text": "x", "clear": True}, "--clear removes it"),
    ({"text": "x", "until": "yesterday"}, "is no time to come"), ({"text": "x", "hub": "other"}, "has no hub 'other'")])
def test_what_is_wrong_is_reported_and_the_file_stays(given, said, tmp_path, monkeypatch):
    rack = shutil.copytree(BASE, tmp_path / "rack")
    monkeypatch.setenv("COOP_RACK", str(rack))
    before = (rack / "configs/hub.yaml").read_text()
    with pytest.raises(Exit) as ended:
        announce.body(None, **given)
    assert ended.value.code == 2 and said in str(ended.value) and (rack / "configs/hub.yaml").read_text() == before


def test_a_dry_run_shows_the_line_and_writes_nothing(tmp_path, monkeypatch, capsys):
    rack = shutil.copytree(BASE, tmp_path / "rack")
    monkeypatch.setenv("COOP_RACK", str(rack))
    before = (rack / "configs/hub.yaml").read_text()
    with pytest.raises(SystemExit) as ended:
        announce.body(None, text="Maintenance tonight", dry=True)
    assert ended.value.code == 3 and "Maintenance tonight" in capsys.readouterr().out
    assert (rack / "configs/hub.yaml").read_text() == before and load(rack).name == "flock"
