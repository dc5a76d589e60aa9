"""A swarm of real sshds in namespaces of this computer, and an operator at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from swarm import Swarm
from toys import PROJECT

from fabfile.engine import events
from fabfile.engine.outcome import Result
from fabfile.loading import load
from fabfile.rack import Rack


class Operator:
    """Somebody at a swarm, with the rack's folder: runs steps here, or whole processes that can be killed."""

    def __init__(self, swarm: Swarm, state: Path):
        self.swarm, self.state = swarm, state
        self.folder = swarm.rack_folder()
        self.events: list[events.Event] = []

    @property
    def rack(self) -> Rack:
        return load(self.folder)

    def run(self, scenario: Callable, **options) -> Result:
        """The steps of a scenario, in this process."""
        from fabfile.engine.run import run
        rack = self.rack
        self.events.clear()
        return run(rack, f"toy.{scenario.__name__}", scenario(rack), tell=self.events.append, **options)

    def heard(self, kind: type) -> list:
        """The events of one kind of the last run in this process."""
        return [event for event in self.events if isinstance(event, kind)]

    def start(self, *command: str, **options) -> subprocess.Popen:
        """A process of its own: `toys.py SCENARIO`, or any command of the project."""
        toys = [sys.executable, "-u", str(Path(__file__).parent / "toys.py")]
        line = [str(PROJECT / command[0]), *command[1:]] if "/" in command[0] else [*toys, *command]
        environment = {**os.environ, "COOP_RACK": str(self.folder), "XDG_STATE_HOME": str(self.state)}
        return subprocess.Popen(line, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)

    def end(self, *command: str) -> tuple[int, str]:
        """The same, waited for: exit code and all that it said."""
        process = self.start(*command)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """A folder with nothing but a .venv that was empty until `pip install` of the project."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    subprocess.run([folder / ".venv/bin/pip", "install", "--quiet", PROJECT], check=True, cwd=folder)
    return folder


@pytest.fixture
def operate(tmp_path) -> Iterator[Callable[..., Operator]]:
    """operate(chicks=1): an operator at a fresh swarm."""
    running: list[Swarm] = []

    def make(chicks: int = 1, **options) -> Operator:
        swarm = Swarm(tmp_path / "swarm", chicks, **options)
        swarm.__enter__()
        running.append(swarm)
        return Operator(swarm, tmp_path / "state")

    yield make
    for swarm in running:
        swarm.__exit__()
