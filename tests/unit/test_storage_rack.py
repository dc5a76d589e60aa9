"""Pools and exports that would lose files, or give them to others, are refused by file, line and key.

The cases are data, tests/cases/storage/refused.yaml; after a wanted change `python -m tests.unit.test_storage_rack` writes
what is told, and the diff is what to read.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack import RackProblems

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/storage"
CASES = yaml.safe_load((FOLDER / "refused.yaml").read_text())


@pytest.fixture
def rack(tmp_path) -> Path:
    return shutil.copytree(FOLDER / "rack", tmp_path / "rack")


def told(rack: Path, case: dict) -> list[str]:
    """What is told of the rack of the cases with this one's change."""
    file = rack / case.get("in", "configs/storage.yaml")
    before = file.read_text()
    assert case["replace"] in before, "the rack of the cases has changed: adapt the case"
    file.write_text(before.replace(case["replace"], case["by"], 1))
    with pytest.raises(RackProblems) as problems:
        load(rack)
    return [str(problem) for problem in problems.value.problems]


def test_the_rack_of_the_cases_is_right(rack):
    pool = load(rack).storage_classes.pools["nest"]
    assert [vdev.words for vdev in pool.layout] == [
        ("raidz2", "front-0", "front-1", "front-2", "front-3"), ("log", "mirror", "rear-0", "rear-1"), ("spare", "front-4")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_file_is_refused(case, rack):
    assert told(rack, case) == case["problems"]
    assert all(re.match(r"(hosts|configs/storage)\.yaml:[0-9]+: [a-z]", problem) for problem in case["problems"])


def test_the_cases_are_many_and_named_once():
    assert len({case["case"] for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("vdevs, parity", [
    ("mirror: [front-0, front-1, front-2]", 2), ("raidz: [front-0, front-1, front-2]", 1),
    ("raidz3: [front-0, front-1, front-2, front-3, front-5]", 3), ("draid2:1d:4c: [front-0, front-1, front-2, front-3]", 2),
    ("draid: [front-0, front-1, front-2]", 1), ("draid2:1d:1s: [front-0, front-1, front-2, front-3]", 2)])
def test_what_zpool_takes_is_taken(vdevs, parity, rack):
    file = rack / "configs/storage.yaml"
    file.write_text(file.read_text().replace("raidz2: [front-0, front-1, front-2, front-3]", vdevs))
    assert load(rack).storage_classes.pools["nest"].layout[0].parity == parity


def test_rack_check_ends_with_2(rack):
    case = CASES[0]
    problems = told(rack, case)
    done = subprocess.run([sys.executable, "-m", "invoke", "rack.check"], cwd=PROJECT, capture_output=True, text=True,
                          env={"COOP_RACK": str(rack)})
    assert done.returncode == 2 and done.stdout + done.stderr == "\n".join(problems) + "\n"


def write() -> None:
    """What is told now, in the cases."""
    from tempfile import TemporaryDirectory

    text = (FOLDER / "refused.yaml").read_text()
    out = text[:text.index("- case:")].rstrip() + "\n"
    for case in CASES:
        with TemporaryDirectory() as place:
            problems = told(shutil.copytree(FOLDER / "rack", Path(place) / "rack"), case)
        out += "\n" + yaml.safe_dump([{**case, "problems": problems}], sort_keys=False, width=1000, allow_unicode=True)
    (FOLDER / "refused.yaml").write_text(out)


if __name__ == "__main__":
    write()
