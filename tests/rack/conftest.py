"""The tests of this folder tell one story on one rack of the lab, in the order of their files.

They type what an operator types, and look at the machines past Coop: through the lab, which needs no network.
COOP_LAB names another lab than "test"; COOP_KEEP_LAB=1 leaves it up afterwards,
COOP_KEEP_LAB=as-it-is begins with what an earlier run has left, too.
"""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LAB = os.environ.get("COOP_LAB") or "test"
sys.path.insert(0, str(PROJECT))


@dataclass
class Typed:
    """What a command that was typed has done."""

    command: str
    code: int
    said: str

    @property
    def data(self):
        """Of a command with --json."""
        return json.loads(self.said)


class Operator:
    """Someone at a keyboard, with this project and one rack."""

    def __init__(self, rack: Path):
        self.environment = os.environ | {"COOP_RACK": str(rack), "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(words, cwd=PROJECT, env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def types(self, *words: str, code: int | None = 0, limit: float = 600) -> Typed:
        """Types a command, waits for its end, and expects its exit code; None is any."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=limit)
        typed = Typed(" ".join(words), process.returncode, said)
        assert code in (None, typed.code), f"{typed.command} ended with {typed.code}, not {code}:\n{said}"
        return typed

    def inv(self, *words: str, code: int | None = 0, limit: float = 600) -> Typed:
        return self.types("inv", *words, code=code, limit=limit)

    def bootstrap(self, *words: str, code: int = 0):
        """`inv cluster.bootstrap --json`: its result as data."""
        return self.inv("cluster.bootstrap", "--json", *words, code=code).data


@pytest.fixture(scope="session")
def lab():
    """A lab of the tests' own, with empty machines."""
    from lab.handle import Lab

    typed = subprocess.run(["inv", "lab.up", "--name", LAB], cwd=PROJECT, env=os.environ | {
        "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"})
    assert typed.returncode == 0
    lab = Lab.named(LAB)
    hosts = (lab.rack / "hosts.yaml").read_text()
    if os.environ.get("COOP_KEEP_LAB") != "as-it-is":
        lab.reset()
    yield lab
    (lab.rack / "hosts.yaml").write_text(hosts)
    if not os.environ.get("COOP_KEEP_LAB"):
        subprocess.run(["inv", "lab.down", "--name", LAB], cwd=PROJECT, env=os.environ | {
            "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}, check=True)


@pytest.fixture(scope="session")
def operator(lab):
    return Operator(lab.rack)


@pytest.fixture(scope="session")
def inside(lab):
    """Runs shell text in a machine, past Coop; gives what it prints."""
    def run(machine: str, script: str, check: bool = True) -> str:
        return lab.run(machine, "sh", "-c", script, check=check).stdout
    return run


@pytest.fixture(scope="session")
def bootstrapped(operator, lab):
    """The rack with its cluster; made if the story's first chapter was left out."""
    operator.inv("cluster.bootstrap")
    return lab


@pytest.fixture(scope="session")
def nodes(inside):
    """The names of the nodes that are Ready."""
    def ask() -> set[str]:
        table = inside("chick0", "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers", check=False)
        return set(re.findall(r"^(\S+) +Ready\b", table, re.MULTILINE))
    return ask


def wait_until(what: str, true, limit: float = 120.0) -> None:
    """Asks twice a second until it holds."""
    until = time.monotonic() + limit
    while not true():
        assert time.monotonic() < until, f"after {limit:.0f} s it is still not so that {what}"
        time.sleep(0.5)
