"""Faults on purpose: runs are broken at chosen points, on a swarm and on a rack of the lab.

    pytest tests/faults/test_swarm.py -k disk-full-007      one point
    pytest tests/faults/test_swarm.py --points 120          all; without --points a few of them, evenly

COOP_KEEP_LAB=1 leaves the labs up afterwards. --table FILE keeps what was found, as JSON: a point
that was there before is replaced, so that a table may be made in several goes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(PROJECT)]

from points import planned  # noqa: E402
from table import as_text  # noqa: E402
from trial import Trial  # noqa: E402

from lab.handle import Lab  # noqa: E402

SAMPLE = 7  # points without --points
TRIALS = pytest.StashKey[list[Trial]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--points", type=int, default=None, help="how many points, evenly; all that are planned at most")
    parser.addoption("--table", type=Path, default=None, help="a file for what was found, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TRIALS] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each point is a test, named after it. One that is asked for by name need not be in the sample."""
    if "point" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--points") or (None if metafunc.config.getoption("-k") else SAMPLE)
        points = planned(*metafunc.module.POINTS, only=asked)
        metafunc.parametrize("point", points, ids=[each.name for each in points])


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if trials := config.stash[TRIALS]:
        if path := config.getoption("--table"):
            path.parent.mkdir(parents=True, exist_ok=True)
            known = [Trial(**data) for data in json.loads(path.read_text())] if path.exists() else []
            again = {(trial.task, trial.name) for trial in trials}
            trials = [trial for trial in known if (trial.task, trial.name) not in again] + trials
            path.write_text(json.dumps([trial.data() for trial in trials], indent=1) + "\n")
        terminalreporter.write_line(as_text(trials))


@pytest.fixture(scope="session")
def keep(request) -> Callable[[Trial], Trial]:
    """Remembers a trial for the table."""
    def remember(trial: Trial) -> Trial:
        request.config.stash[TRIALS].append(trial)
        return trial
    return remember


@pytest.fixture(scope="session")
def raised() -> Iterator[Callable[..., Lab]]:
    """raised("swarm", 2, name=…): a lab by its task; it ends with the tests."""
    names: list[str] = []

    def inv(*words: str) -> None:
        path = f"{PROJECT}/.venv/bin:{os.environ['PATH']}"
        subprocess.run(["inv", *words], cwd=PROJECT, env=os.environ | {"PATH": path}, check=True)

    def bring(task: str, *words: str, name: str) -> Lab:
        names.append(name)
        inv(f"lab.{task}", *words, "--name", name)
        return Lab.named(name)

    yield bring
    for name in names:
        if not os.environ.get("COOP_KEEP_LAB"):
            inv("lab.down", "--name", name)
