"""Machines with firmware, emulated in a lab of their own, and an operator who types.

COOP_LAB names another lab than "metal"; COOP_KEEP_LAB=1 leaves it up afterwards, and takes one that is up.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LAB = os.environ.get("COOP_LAB") or "metal"
MACHINES = {"chick11": "bios", "chick12": "uefi:lvm-mirror", "chick13": "http:lvm", "chick14": "bios:mirror"}  # firmware and layout
sys.path[:0] = [str(PROJECT), str(Path(__file__).parent)]


class Typed:
    """A command that somebody typed, with what they type then."""

    def __init__(self, rack: Path, *words: str, then: str = ""):
        self.said, self._words = "", words
        self.process = subprocess.Popen(
            words, cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {"COOP_RACK": str(rack), "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"})
        self.process.stdin.write(then)
        self.process.stdin.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said += line
            print(line, end="", flush=True)

    def end(self, code: int = 0, limit: float = 3600) -> str:
        """What it has said when it ends, with this code."""
        try:
            self.process.wait(limit)
        finally:
            self.process.kill()
            self._reader.join()
        assert self.process.returncode == code, f"{' '.join(self._words)} ended with {self.process.returncode}, not {code}:\n{self.said}"
        return self.said

    def until(self, word: str, limit: float) -> None:
        """Waits for a word of it."""
        wait_until(f"{' '.join(self._words)} says {word!r}", lambda: word in self.said or self.process.poll() is not None, limit)
        assert word in self.said, self.said


def wait_until(what: str, true, limit: float) -> None:
    until = time.monotonic() + limit
    while not true():
        assert time.monotonic() < until, f"after {limit:.0f} s this check still fails: {what}"
        time.sleep(0.5)


@pytest.fixture(scope="session")
def lab():
    """A lab with emulated machines, its rooster set up, and a cluster."""
    from lab.handle import Lab

    wanted = ",".join(f"{name}:{kind}" for name, kind in MACHINES.items())
    tools = os.environ | {"PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}
    subprocess.run(["inv", "lab.up", "--name", LAB, "--metal", wanted], cwd=PROJECT, env=tools, check=True)
    lab = Lab.named(LAB)
    yield lab
    if not os.environ.get("COOP_KEEP_LAB"):
        subprocess.run(["inv", "lab.down", "--name", LAB], cwd=PROJECT, env=tools, check=True)


@pytest.fixture(scope="session")
def types(lab):
    """types("inv", "node.install", "chick11", then="chick11\\n"): a command, while it runs."""
    return lambda *words, then="": Typed(lab.rack, *words, then=then)


@pytest.fixture(scope="session")
def gateway(lab, types):
    """rooster as its role has it: it serves boots."""
    types("inv", "gateway.apply", "--yes").end()


@pytest.fixture(scope="session")
def cluster(lab, types, gateway):
    """The lab's containers as a cluster; the machines without a system are left out."""
    said = types("inv", "cluster.bootstrap", "--yes").end(code=2)
    assert "inv node.install chick11 installs it, if it has no system yet" in said
