"""Changes that must be confirmed: what the engine sends is run by this computer's own shell, and answers are lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import simulated

from fabfile.engine import confirm, detached, events
from fabfile.engine.errors import LinkLost, RolledBack
from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.resources.base import Change, Command, Resource


class Tried(Resource):
    """A file that must be confirmed."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def name(self):
        return "tried"

    def probe(self):
        return f"cat {self.folder}/tried 2>/dev/null || :"

    def changes(self, facts, altered) -> Iterator[Change]:
        if facts != "new\n":
            command = Command(f"echo new >{self.folder}/tried; echo made >>{self.folder}/count", shown="try it")
            yield Change("it is not new", (command,), undo=f"rm {self.folder}/tried")


class Machine:
    """Runs what it is told about the trial; `lost` is a text whose first answers never come back, or that a
    `deaf` one never hears."""

    def __init__(self, folder, lost: str, times: int, deaf: bool):
        self.folder, self.lost, self.left, self.deaf = folder, lost, times, deaf

    def __call__(self, verb: str, text: str) -> tuple[int, str]:
        if str(self.folder) not in text and "coop-" not in text:
            return 0, ""
        if self.deaf and self.lost in text:
            raise LinkLost("chick0", "the connection was lost")
        done = subprocess.run(["sh", "-c", "coop_mark=mark\n" + text], capture_output=True, text=True)
        if self.lost in text and self.left:
            self.left -= 1
            raise LinkLost("chick0", "the connection was lost")
        return done.returncode, done.stdout


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """tried(lost, times): the result of a run whose answers are lost so often, and its events."""
    monkeypatch.setattr(detached, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(confirm, "MINUTE", 2)
    monkeypatch.setattr(confirm, "_RETURN", -58.0)  # with the command's own limit: five seconds in all
    (tmp_path / "units").mkdir()

    def attempt(lost: str, times: int = 1, deaf: bool = False):
        rack, told = simulated.rack("rooster", "chick0"), []
        ways = simulated.Ways({"rooster": lambda verb, text: (0, ""), "chick0": Machine(tmp_path, lost, times, deaf)})
        steps = [Step("a", (rack.machine("chick0"),), lambda rack, machine: [Tried(tmp_path)])]
        return run(rack, "test", steps, ways=ways, tell=told.append), told

    return attempt


@pytest.mark.parametrize("lost", ["until [ -e", "/confirmed"], ids=["of the trial", "of the confirmation"])
def test_a_lost_answer_is_asked_for_again(lost, tried, tmp_path):
    result, told = tried(lost)
    assert (result.exit_code, result.changes, result.errors) == (0, 1, ())
    assert (tmp_path / "tried").read_text() == "new\n" and (tmp_path / "count").read_text() == "made\n"
    assert not list((tmp_path / "units").iterdir())
    assert len([event for event in told if isinstance(event, events.Noticed)]) == 1


def test_that_nothing_is_heard_is_reported_at_once_and_the_previous_state_comes_back(tried, tmp_path):
    result, told = tried("/confirmed", deaf=True)
    (error,) = result.errors
    assert isinstance(error, RolledBack) and not (tmp_path / "tried").exists()
    assert [event.text for event in told if isinstance(event, events.Noticed)] == [
        "the connection was lost; the change is rolled back automatically if no new connection can be opened"]
