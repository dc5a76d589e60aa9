"""The tests of this folder tell one story on one rack of the lab, in the order of their files.

They type what an operator types, and look at the machines past Coop: through the lab, which needs no network.
--rack tells it of a rack with a machine that never answered (racks.py).
COOP_LAB names another lab than "test"; COOP_KEEP_LAB=1 leaves it up afterwards,
COOP_KEEP_LAB=as-it-is begins with what an earlier run has left, too.
"""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
LAB = os.environ.get("COOP_LAB") or "test"
ENDPOINT = "kubeapi.flock.lan"
HUB, HUB_AT, HUB_WITHIN = "jupyter.flock.example", "128.120.136.54", "10.0.1.54"
ETCDCTL = ("crictl exec $(crictl ps -q --name '^etcd$') etcdctl --endpoints 127.0.0.1:2379"
           " --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt"
           " --key /etc/kubernetes/pki/etcd/server.key")
LIMIT = 1800.0  # seconds that any command may take, on a computer that has much other work
sys.path[:0] = [str(PROJECT), str(Path(__file__).parent)]

from caller import NEW  # noqa: E402
from racks import KINDS, Kind  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rack", choices=list(KINDS), default="up", help="how its machines are at the beginning (racks.py)")
    parser.addoption("--extras", default="marimo", help="what the lab's internet publishes besides")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A table of cases may have a smaller one for racks with a machine off."""
    if "case" in metafunc.fixturenames:
        kind = KINDS[metafunc.config.getoption("--rack")]
        metafunc.parametrize("case", kind.sample(metafunc.module.CASES, metafunc.module.SAMPLE))


@dataclass
class Typed:
    """What a command that was typed has done."""

    command: str
    code: int
    said: str
    seconds: float  # without those for which this computer had other work to do

    @property
    def data(self):
        """Of a command with --json."""
        return json.loads(self.said)


class Answer(NamedTuple):
    """One of the API's to the caller (caller.py): when, by which of its connections, and from where."""

    at: float
    client: int
    address: str

    @classmethod
    def read(cls, line: str) -> "Answer":
        at, client, address = line.split()
        return cls(float(at), int(client), address)


class Kept(threading.Thread):
    """Follows a process: for how many seconds it was ready to run, and this computer did other work."""

    def __init__(self, process: subprocess.Popen[str]):
        super().__init__(daemon=True)
        self.waiting, self._process = 0.0, process
        self.start()

    def run(self) -> None:
        with suppress(OSError, IndexError):  # it has ended
            while True:
                self.waiting = int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9
                time.sleep(0.05)


class Operator:
    """Someone at a keyboard, with this project and one rack. `done`: how a run ends that has done all it can there."""

    def __init__(self, rack: Path, done: int = 0):
        self.done = done
        self.environment = os.environ | {"COOP_RACK": str(rack), "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(words, cwd=PROJECT, env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def types(self, *words: str, code: int | None = 0, limit: float = LIMIT) -> Typed:
        """Types a command, waits for its end, and expects its exit code; None is any. After `limit` seconds it is killed."""
        began, process = time.monotonic(), self.start(*words)
        kept = Kept(process)
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{' '.join(words)} does not end within {limit:.0f} s:\n{process.communicate()[0]}") from None
        typed = Typed(" ".join(words), process.returncode, said, time.monotonic() - began - kept.waiting)
        assert code in (None, typed.code), f"{typed.command} ended with {typed.code}, not {code}:\n{said}"
        return typed

    def inv(self, *words: str, code: int | None = 0, limit: float = LIMIT) -> Typed:
        return self.types("inv", *words, code=code, limit=limit)

    def bootstrap(self, *words: str, code: int | str | None = "done"):
        """`inv cluster.bootstrap --json`: its result as data. It should have done all that it can, unless told otherwise."""
        return self.inv("cluster.bootstrap", "--json", *words, code=self.done if code == "done" else code).data


@pytest.fixture(scope="session")
def kind(pytestconfig) -> Kind:
    """Which rack the story is told of."""
    return KINDS[pytestconfig.getoption("--rack")]


@pytest.fixture(scope="session")
def lab(kind, pytestconfig):
    """A lab of the tests' own, with empty machines; one of them may have no power."""
    from lab.handle import Lab

    words = ["inv", "lab.up", "--name", LAB, "--control-planes", str(kind.control_planes), "--extras",
             pytestconfig.getoption("--extras")]
    typed = subprocess.run(words, cwd=PROJECT, env=os.environ | {
        "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"})
    assert typed.returncode == 0
    lab = Lab.named(LAB)
    hosts = (lab.rack / "hosts.yaml").read_text()
    if os.environ.get("COOP_KEEP_LAB") != "as-it-is":
        lab.reset()
    if kind.off:
        lab.off(kind.off)
    if kind.installed and os.environ.get("COOP_KEEP_LAB") != "as-it-is":
        from as_installed import prepare
        prepare(lab, Operator(lab.rack))
    yield lab
    (lab.rack / "hosts.yaml").write_text(hosts)
    if not os.environ.get("COOP_KEEP_LAB"):
        subprocess.run(["inv", "lab.down", "--name", LAB], cwd=PROJECT, env=os.environ | {
            "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}, check=True)


@pytest.fixture(scope="session")
def operator(lab, kind):
    return Operator(lab.rack, kind.done)


@pytest.fixture(scope="session")
def inside(lab):
    """Runs shell text in a machine, past Coop; gives what it prints."""
    def run(machine: str, script: str, check: bool = True) -> str:
        return lab.run(machine, "sh", "-c", script, check=check).stdout
    return run


@pytest.fixture(scope="session")
def intended(lab, kind):
    """The lab, whose hosts.yaml says what is meant to be off."""
    from racks import expect_off

    hosts = lab.rack / "hosts.yaml"
    if kind.expected and "expect: off" not in hosts.read_text():
        hosts.write_text(expect_off(hosts.read_text(), kind.off))
    return lab


@pytest.fixture(scope="session")
def bootstrapped(operator, intended):
    """The rack with its cluster; made if the story's first chapter was left out."""
    operator.inv("cluster.bootstrap", code=operator.done)
    return intended


@pytest.fixture(scope="session")
def nodes(inside, kind):
    """The names of the nodes that are Ready."""
    def ask() -> set[str]:
        table = inside(kind.first, "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers", check=False)
        return set(re.findall(r"^(\S+) +Ready\b", table, re.MULTILINE))
    return ask


def etcd_members(inside, machine: str) -> list[tuple[str, str]]:
    """Name and state ("started") of each of etcd's members, as a control plane says that has power."""
    return [(name, state) for _, state, name, *_ in
            (line.split(", ") for line in inside(machine, f"{ETCDCTL} member list").splitlines())]


@pytest.fixture(scope="session")
def etcd(inside):
    """The names of etcd's members, as a control plane says that has power."""
    return lambda machine: {name for name, _ in etcd_members(inside, machine)}


@pytest.fixture(scope="session")
def api(lab, inside):
    """Asks the hub's API from rooster, in the name of Coop's service: method, path, JSON to send; what it answers."""
    def ask(method: str, path: str, body: str = "{}") -> str:
        secrets = yaml.safe_load((lab.rack / "configs/secrets.yaml").read_text())
        token = secrets["hub"]["hub"]["services"]["coop"]["apiToken"]
        return inside("rooster", f"curl -ksS -H 'Authorization: token {token}' -X {method} -d {shlex.quote(body)} "
                      f"--resolve {HUB}:443:{HUB_WITHIN} https://{HUB}/hub/api/{path}")
    return ask


@pytest.fixture(scope="session")
def calling(lab, inside, tmp_path_factory):
    """calling(50): calls the API by its endpoint's name from rooster or another machine, so often a second; its answers so far."""
    folder = tmp_path_factory.mktemp("calling")
    out = folder / "answers"

    @contextmanager
    def call(per_second: int, machine: str = "rooster"):
        (folder / "hosts").write_text(inside("rooster", "cat /etc/hosts"))  # by a control plane's own it asks itself first
        (folder / "config").write_text(inside("chick0", "cat /etc/kubernetes/admin.conf"))
        out.write_text("")
        process = subprocess.Popen(
            [*lab.in_network(machine), sys.executable, str(Path(__file__).parent / "caller.py"),
             str(folder / "config"), str(folder / "hosts"), ENDPOINT, str(per_second), str(out)], stdin=subprocess.PIPE)
        try:
            wait_until("the API answers", lambda: out.read_text().count("\n") > 2 * per_second)
            yield lambda: list(map(Answer.read, out.read_text().splitlines()[:-1]))
        finally:
            process.terminate()
            process.wait()
    return call


def silences(answers: list[Answer], since: float) -> list[float]:
    """The times without an answer to anybody, from then to now, the longest first."""
    after = [since, *(one for one in sorted(answer.at for answer in answers) if one > since), time.time()]
    return sorted((later - earlier for earlier, later in pairwise(after)), reverse=True)


def waits(answers: list[Answer], since: float) -> list[float]:
    """The longest time for which each of the connections that stay had no answer, the longest first."""
    return sorted((silences([answer for answer in answers if answer.client == client], since)[0]
                   for client in {one.client for one in answers} - {NEW}), reverse=True)


def hub_answers(lab) -> bool:
    """From the internet, by its published name."""
    curl = ["curl", "-sk", "--noproxy", "*", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}",
            "--resolve", f"{HUB}:443:{HUB_AT}", f"https://{HUB}/hub/health"]
    return subprocess.run([*lab.in_network("internet"), *curl], capture_output=True, text=True).stdout == "200"


def at_a_terminal(operator, *words: str, typed: str) -> str:
    """What a command says to somebody who types this when it asks; it ends with 0."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(os.environ["PWD"])
        os.execvpe(words[0], words, operator.environment)
    os.write(terminal, f"{typed}\n".encode())
    said = b""
    try:
        while data := os.read(terminal, 4096):
            said += data
    except OSError:  # it has ended
        pass
    text = said.decode(errors="replace")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text
    return text


def wait_until(what: str, true, limit: float = 120.0) -> None:
    """Asks twice a second until it holds."""
    until = time.monotonic() + limit
    while not true():
        assert time.monotonic() < until, f"after {limit:.0f} s this check still fails: {what}"
        time.sleep(0.5)
