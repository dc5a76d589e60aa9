"""The tests of this folder tell one story on an emulated file server: real ZFS, real NFS, real disks that fail, in the order of the file.

They type what an operator types, and look at the machines past Coop, by ssh. COOP_LAB names another lab than "storage";
COOP_KEEP_LAB=1 leaves it up afterwards, COOP_KEEP_LAB=as-it-is begins with what an earlier run has left, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from blocks import Writer

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT)]

from lab.emulated import SAID  # noqa: E402
from lab.handle import Lab  # noqa: E402
from lab.lifecycle import down, up  # noqa: E402
from lab.places import Places  # noqa: E402
from lab.rackfolder import DOOR  # noqa: E402
from lab.systems import ADDRESSES, machines, wait  # noqa: E402

LIMIT = 1500.0  # seconds that any command may take on an emulated machine, on a computer that has other work


@dataclass(frozen=True)
class Typed:
    """What a command has done."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Rack:
    """The lab, an operator's keyboard, and a line to each machine that knows nothing of Coop."""

    lab: Lab

    def inv(self, *words: str, limit: float = LIMIT, typed: str = "") -> Typed:
        """As it is typed where there is no terminal; and what is typed when it asks."""
        return self._run([str(PROJECT / ".venv/bin/inv"), *words], limit, typed)

    def at(self, machine: str, script: str, limit: float = LIMIT) -> Typed:
        """A script, run by root of an emulated machine."""
        return self._run([*self.ssh(machine), "sudo", "sh", "-eu"], limit, script)

    def ask(self, machine: str, script: str) -> str:
        """What such a script says; it must end well."""
        done = self.at(machine, script)
        assert done.code == 0, done.said
        return done.said.strip()

    def ssh(self, machine: str) -> list[str]:
        key, folder = self.lab.places.key, self.lab.places.folder
        always = ["-F", "none", "-o", f"UserKnownHostsFile={folder}/known", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
                  "-i", str(key), "-o", "IdentitiesOnly=yes"]
        door = f"{DOOR} {self.lab.places.name} %h %p"
        through = " ".join(["ssh", *always, f"-o 'ProxyCommand={door.replace('%', '%%')}'", "-W %h:%p", "spicy@128.120.136.26"])
        return ["ssh", *always, "-o", f"ProxyCommand={through}", f"spicy@{ADDRESSES[machine]}"]

    def _run(self, words: list[str], limit: float, typed: str = "") -> Typed:
        began = time.monotonic()
        environment = os.environ | {"COOP_RACK": str(self.lab.rack), "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}
        done = subprocess.run(words, cwd=PROJECT, env=environment, input=typed, text=True, timeout=limit,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return Typed(done.returncode, done.stdout, time.monotonic() - began)

    def on(self, machine: str) -> None:
        """Switch an emulated machine on, and wait for the login that its console shows."""
        (self.lab.places.machine(machine) / SAID).unlink(missing_ok=True)
        self.lab.on(machine)
        wait(self.lab.places, [machine])

    def until(self, machine: str, script: str, limit: float) -> float:
        """Seconds until a script of a machine's ends well. AssertionError with what it said last."""
        began = time.monotonic()
        while (done := self.at(machine, script)).code:
            assert time.monotonic() - began < limit, done.said
            time.sleep(1)
        return time.monotonic() - began

    def change(self, file: str, old: str, new: str) -> None:
        """Edit one of the rack's files."""
        path = self.lab.rack / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def with_homes(self) -> None:
        """Have storage.yaml name homes, unless it does."""
        storage = self.lab.rack / "configs/storage.yaml"
        if "\nhomes:" not in storage.read_text():
            storage.write_text(storage.read_text() + "homes: {path: /nest/homes, quota: 200Mi, users: {boss: 400Mi}}\n")


@pytest.fixture
def writer(rack):
    """Called with a file's path, and how long to wait between two blocks; ended with the test."""
    writers: list[Writer] = []

    def begun(path: str, pause: float = 0.0) -> Writer:
        writers.append(Writer(rack.ssh("chick3"), path, pause))
        writers[-1].until(0)
        return writers[-1]

    yield begun
    for one in writers:
        one.end()


@pytest.fixture(scope="session")
def rack():
    places = Places.named(os.environ.get("COOP_LAB") or "storage")
    keep = os.environ.get("COOP_KEEP_LAB", "")
    if keep != "as-it-is" and places.folder.exists():
        down(places)
    lab = up(places, lambda event: print(event, file=sys.__stderr__, flush=True), emulated=machines())
    yield Rack(lab)
    if not keep:
        down(places)
