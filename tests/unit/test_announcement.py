"""Announcements on a hub's pages: what is written into its file, and until when it is shown."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from invoke import Exit

from fabfile.facts.upgrade_rules import Situation
from fabfile.facts.upgrading import ClusterSeen, NodeSeen, PodSeen
from fabfile.loading import load
from fabfile.rack.editing import edited
from fabfile.tasks.announcing import reminder, write_announcement
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


@pytest.mark.parametrize("pods, ends, told, said", [
    ([("chick1", "hub/jupyter-ada", "", "ada")], True, None, ["hub", "staging"]),
    ([("chick1", "hub/jupyter-ada", "", "ada")], True, "Tonight", ["staging"]),
    ([("chick1", "hub/jupyter-ada", "", "ada")], False, None, []),
    ([("chick0", "hub/jupyter-ada", "", "ada")], True, None, []),
    ([("chick1", "default/web", "ReplicaSet", "")], True, None, []),
], ids=["servers end", "one hub says so", "they stop the task", "on a node that is done", "no servers"])
def test_an_operator_is_reminded_of_users_whom_no_hub_tells(pods, ends, told, said, tmp_path):
    rack = load(shutil.copytree(BASE, tmp_path / "rack"))
    if told:
        write_announcement(rack, rack.services["hub"], told)
        rack = load(rack.folder)
    nodes = tuple(NodeSeen(name, True, kubelet, "2.3.7") for name, kubelet in (("chick0", "1.37.2"), ("chick1", "1.36.3")))
    now = Situation("1.37.2", ClusterSeen(nodes=nodes, pods=tuple(PodSeen(*one) for one in pods)), {}, {}, ("chick0",), ends_servers=ends)
    assert reminder(rack, now) == [f"users' servers end, and the pages of {hub} do not say so: inv hub.announce \"…\" --hub {hub} "
                                   "tells them before" for hub in said]


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
