"""Every wrong rack is reported by file, line, key and hint: tests/cases/rack/*.yaml."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack import RackProblems

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/rack"
CASES = [case for file in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(file.read_text())]


@pytest.fixture
def rack(tmp_path) -> Path:
    """The folder of a rack that is right: the sample, held still so that lines keep their numbers."""
    return shutil.copytree(FOLDER / "base", tmp_path / "rack")


def edit(rack: Path, edits: list[dict]) -> None:
    for one in edits:
        if "remove" in one:
            (rack / one["remove"]).unlink()
            continue
        file = rack / one["in"]
        if "content" in one:
            content = one["content"]
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        else:
            before = file.read_text()
            assert one["replace"] in before, "the sample rack has changed: adapt the case"
            file.write_text(before.replace(one["replace"], one["by"], 1))


def problems(rack: Path) -> list[str]:
    with pytest.raises(RackProblems) as told:
        load(rack)
    return [str(problem).replace(str(rack), "RACK") for problem in told.value.problems]


def test_the_rack_of_the_cases_and_the_sample_rack_are_right(rack):
    assert load(rack).name == load(PROJECT).name == "flock"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_is_wrong_is_reported(rack, case):
    edit(rack, case["edits"])
    assert problems(rack) == case["problems"]


def test_the_cases_are_many_and_named_once():
    assert len({case["case"] for case in CASES}) == len(CASES) >= 50


@pytest.mark.parametrize("name", [
    "a tab in the indentation", "a file in Latin-1", "everything at once, in every file"])
def test_rack_check_reports_all_and_ends_with_2(rack, name):
    case = next(case for case in CASES if case["case"] == name)
    edit(rack, case["edits"])
    command = [sys.executable, "-m", "invoke", "rack.check"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env={"COOP_RACK": str(rack)})
    assert done.returncode == 2
    assert done.stdout + done.stderr == "\n".join(case["problems"]) + "\n"
