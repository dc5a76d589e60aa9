"""Where faults are made: a lab, what is typed at it, and what an undisturbed run of that does and leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from points import in_order
from stopping import Point, Sent

from lab.handle import Lab
from tests.rack.state import difference, state

HERE = Path(__file__).parent
BOOTS = 240.0  # seconds that machines may take until they accept logins, on a busy computer
PROJECT = HERE.parents[1]
LOCKS = ("[ ! -e /run/coop/lock ] || flock -n /run/coop/lock true || echo the lock of the rack\n"
         "[ ! -e /run/coop/machine ] || flock -n /run/coop/machine true || echo the lock of the machine")


@dataclass(frozen=True)
class Mirror:
    """A program of the lab that packages come from, and what another needs to answer in its place."""

    program: str
    network: str
    address: str
    folder: Path
    certificates: str = "-"


@dataclass
class Ended:
    """What an operator's process did."""

    code: int
    said: str
    journal: list[dict] = field(default_factory=list)
    sent: list[dict] = field(default_factory=list)

    def of(self, event: str) -> list[dict]:
        return [record for record in self.journal if record["event"] == event]


class Operating:
    """An operator's process. It may stand still at a point."""

    def __init__(self, ground: Ground, words: Iterable[str], point: Point | None):
        self.home = ground.folder / f"run-{time.monotonic_ns()}"
        self.home.mkdir()
        told, tell = os.pipe()
        wait, self._go = os.pipe()
        self._told = os.fdopen(told, "rb", buffering=0)
        settings = {"record": str(self.home / "sent"), "point": asdict(point) if point else None,
                    "told": tell, "go": wait}
        environment = os.environ | {"COOP_RACK": str(ground.rack), "XDG_STATE_HOME": str(self.home),
                                    "PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"}
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(HERE / "breaking.py"), json.dumps(settings), *words], cwd=PROJECT,
            env=environment, stdin=subprocess.DEVNULL, stdout=(self.home / "said").open("wb"),
            stderr=subprocess.STDOUT, pass_fds=(tell, wait), start_new_session=True)
        os.close(tell)
        os.close(wait)
        self.waited = 0.0

    def stands(self) -> bool:
        """Waits until it stands at its point; False when it has ended without."""
        return bool(self._told.read(1))

    def go(self) -> None:
        with suppress(BrokenPipeError):
            os.write(self._go, b"!")

    def kept_waiting(self) -> float:
        """Seconds for which it was ready to run, and this computer did other work."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    def end(self, limit: float) -> Ended:
        """Waits for its end; AssertionError when it takes longer than `limit` seconds."""
        until, before = time.monotonic() + limit, self.kept_waiting()
        while not os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            if time.monotonic() > until:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"it does not end within {limit:.0f} s:\n{self._said()}")
            time.sleep(0.01)
        self.waited = self.kept_waiting() - before
        code = self.process.wait()
        self._told.close()
        os.close(self._go)
        journal = [record for path in self.home.rglob("*.jsonl") for record in lines(path)]
        return Ended(code, self._said(), journal, lines(self.home / "sent"))

    def _said(self) -> str:
        return (self.home / "said").read_text(errors="replace")


class Ground:
    """One lab and one task."""

    def __init__(self, lab: Lab, words: tuple[str, ...], folder: Path, rack: Path, mirrors: tuple[Mirror, ...],
                 names: Callable[[bool], None], limit: float, parts: tuple[str, ...],
                 more: Callable[[Ground], dict] = lambda ground: {}):
        self.lab, self.words, self.folder, self.rack = lab, words, folder, rack
        self.mirrors, self.names, self.limit, self.parts, self.more = mirrors, names, limit, parts, more
        self.disk = lab.places.folder / "machines"
        self.machines: tuple[str, ...] = ()
        self.commands: list[tuple[Sent, float]] = []
        self.reference: dict[str, dict] = {}
        self._jumps = 0

    def start(self, *more: str, point: Point | None = None) -> Operating:
        return Operating(self, [*self.words, *more], point)

    def run(self, *more: str) -> Ended:
        """The task once, undisturbed."""
        return self.start(*more).end(self.limit)

    def empty(self) -> None:
        """All machines as an installer leaves them."""
        self.lab.reset(limit=BOOTS)

    def learn(self) -> Ended:
        """An undisturbed run on empty machines: its commands, and the state that it leaves."""
        self.empty()
        ended = self.run()
        assert ended.code == 0, ended.said
        self.machines = tuple(ended.of("began")[0]["machines"])
        self.commands = in_order(ended.sent, self.machines)
        again = self.run()
        assert again.code == 0 and "no changes" in again.said, again.said
        self.reference = self.state()
        return ended

    def state(self) -> dict[str, dict]:
        """What every machine is, by machine and part; and what else counts as state."""
        return {name: state(self.inside, name, *self.parts) for name in self.machines} | {"rack": self.more(self)}

    def differences(self) -> list[str]:
        """What differs from what an undisturbed run leaves, and what should not be left at all."""
        now = self.state()
        found = [f"{name}: {line}" for name in now for line in difference(self.reference[name], now[name])]
        return found + [f"{name}: still held: {line}" for name in self.machines
                        for line in self.inside(name, LOCKS, check=False).splitlines()]

    def inside(self, machine: str, script: str, check: bool = True) -> str:
        ran = self.lab.run(machine, "sh", "-c", script, check=False)
        assert not check or ran.returncode == 0, f"{machine}: {ran.stdout[-2000:]}"
        return ran.stdout

    def days(self) -> int:
        """By how much a clock jumps this time: ahead, then behind, then ahead …"""
        self._jumps += 1
        return 1 if self._jumps % 2 else -1

    def bring_faketime(self, machine: str) -> None:
        """Puts libfaketime where nothing remains of it after a boot."""
        root = Path(f"/proc/{self.lab.status()[machine].pid}/root/run/libfaketime.so.1")
        root.write_bytes(faketime().read_bytes())


def unmounted(disk: Path) -> None:
    """Takes a disk away, once the last machine's remains are deleted."""
    until = time.monotonic() + 60
    while subprocess.run(["umount", disk], stderr=subprocess.DEVNULL).returncode:
        assert time.monotonic() < until, f"{disk} is still in use"
        time.sleep(0.2)


def faketime() -> Path:
    """libfaketime, unpacked from its package, once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "faketime"
    if not list(cache.rglob("libfaketime.so.1")):
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "libfaketime"], check=True, cwd=cache, stdout=subprocess.DEVNULL)
        (package,) = cache.glob("*.deb")
        subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=cache)
    return next(cache.rglob("libfaketime.so.1"))


def lines(path: Path) -> list[dict]:
    """A file's lines of JSON, but for one that a kill has cut."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
