"""A dead line is noticed within its limit on every kind of call. All kinds at once, each on a swarm of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from conftest import Operator
from swarm import Swarm, sshd
from test_faults import until
from toys import Text, always

from fabfile.engine import detached
from fabfile.engine.errors import LinkLost, MachineError, NoAnswer, RemoteValueFailed
from fabfile.engine.events import Adopted
from fabfile.engine.scan import scan
from fabfile.engine.step import Step
from fabfile.engine.wire import PATIENCE
from fabfile.resources.base import Change, Check, Command, RemoteValue
from fabfile.tasks.queries import ask

SLACK = 5.0  # seconds; without a limit it would take a quarter of an hour
SLOW = ": >/run/reached; sleep 60"
BIG = "0123456789abcdef" * (1 << 18)  # bytes: more than a shell that does not listen is sent


class SlowProbe(Text):
    def probe(self) -> str:
        return SLOW


class Reboots(Text):
    """A start that never comes: the machine is asked again and again."""

    def changes(self, facts, altered) -> Iterator[Change]:
        yield Change("it is to be restarted", (Command(": >/run/reached; exit 0", limit=18.0),), reboots=True)


def on_chicks(*resources, verify=None):
    return lambda rack: [Step("work", rack.chicks, always(*resources), verify=verify)]


def lending(**texts):
    """chick1 borrows from chick0, who is slow in lending or in taking back."""
    token = RemoteValue("TOKEN", "chick0", texts.get("obtain", "echo 0123456789"), "a token", texts.get("back", ""))
    return lambda rack: [Step("work", (rack.machine("chick1"),), always(Text("/etc/x", "x", remote_values=(token,))))]


# kind of call → the steps of a run, the machine where it is running, the error, and what it must name
CALLS = {
    "a probe": (on_chicks(SlowProbe("/etc/x", "x")), LinkLost, "probe of file /etc/x"),
    "a short command": (on_chicks(Text("/etc/x", "x", first=SLOW)), LinkLost, "write /etc/x"),
    "a long command": (on_chicks(Text("/etc/x", "x", first=SLOW, long=True)), LinkLost, "write /etc/x"),
    "more than the line holds": (on_chicks(Text("/etc/x", "x", first=SLOW), Text("/etc/y", BIG)), LinkLost,
                                 "write /etc/x"),
    "an earlier command": (on_chicks(Text("/etc/x", "x")), LinkLost, "wait for earlier commands"),
    "a check": (on_chicks(Text("/etc/x", "x"), verify=lambda rack, machines: [Check("it holds", "chick0", SLOW)]), LinkLost,
                "check: it holds"),
    "a borrowed value": (lending(obtain=SLOW), RemoteValueFailed, "creates a token for chick1"),
    "a value given back": (lending(back=SLOW), RemoteValueFailed, "revokes a token of chick1"),
    "a reboot": (on_chicks(Reboots("/etc/x", "x")), NoAnswer, ": >/run/reached; exit 0"),
}


class Metronome(Thread):
    """Counts the seconds for which this computer's other work kept a thread of this process from going on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lost = 0.0

    def run(self) -> None:
        while True:
            began = time.monotonic()
            time.sleep(0.1)
            self.lost += max(0.0, time.monotonic() - began - 0.11)


@dataclass
class Noticed:
    """What was said, and how many seconds of its own after the connection was lost."""

    seconds: float
    error: MachineError | str


def called(kind: str, folder: Path, metronome: Metronome) -> Noticed:
    """Begins a call on a new swarm, cuts rooster's line in the middle of it, and waits for what is said."""
    with Swarm(folder / "swarm", chicks=2) as swarm, ThreadPoolExecutor(1) as other:
        operator = Operator(swarm, folder / "state")
        if kind == "first contact":
            swarm.cut("rooster", "outer")
            began, lost = time.monotonic(), metronome.lost
        calling = other.submit(CALLING.get(kind, by_a_run), kind, operator)
        if kind != "first contact":
            until(swarm.hosts["chick0"], "[ -e /run/reached ]")
            while kind == "an earlier command" and not operator.heard(Adopted):
                time.sleep(0.05)
            time.sleep(0.3)
            swarm.cut("rooster", "outer")
            began, lost = time.monotonic(), metronome.lost
        error = calling.result(60)
        return Noticed(time.monotonic() - began - (metronome.lost - lost), error)


def by_a_run(kind: str, operator: Operator) -> MachineError:
    scenario = CALLS[kind][0]
    scenario.__name__ = "scenario"
    if kind == "an earlier command":
        operator.swarm.hosts["chick0"].run(detached.start("coop-earlier", "what an earlier run began", SLOW, 90))
    return operator.run(scenario).errors[0]


def first_contact(kind: str, operator: Operator) -> MachineError:
    with pytest.raises(MachineError) as told:
        scan(operator.rack, operator.rack.machine("chick0"))
    return told.value


def a_question(kind: str, operator: Operator) -> MachineError:
    _, errors = ask(operator.rack, {"chick0": SLOW}, limit=300.0)
    return errors["chick0"]


def by_fab(kind: str, operator: Operator) -> str:
    code, said = operator.end(".venv/bin/fab", "-H", "chick0", "--", f"sh -c '{SLOW}'")
    return f"{code}: {said}"


CALLING = {"first contact": first_contact, "a question outside a run": a_question, "fab": by_fab}
KINDS = (*CALLS, *CALLING)


@pytest.fixture(scope="module")
def noticed(tmp_path_factory) -> dict[str, Noticed]:
    """All kinds of call at once: each waits for its fifteen seconds."""
    sshd()  # fetched once, not by each of them
    metronome = Metronome()
    metronome.start()
    with ThreadPoolExecutor(len(KINDS)) as together:
        found = {kind: together.submit(called, kind, tmp_path_factory.mktemp("call"), metronome) for kind in KINDS}
        return {kind: each.result() for kind, each in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_line_is_noticed_in_time(kind, noticed):
    found = noticed[kind]
    limit = 18.0 + PATIENCE if kind == "a reboot" else PATIENCE  # a reboot is waited for as long as it may take
    assert found.seconds <= limit + SLACK, found


@pytest.mark.parametrize("kind", CALLS)
def test_it_is_reported_what_was_running_where(kind, noticed):
    error = noticed[kind].error
    _, expected, command = CALLS[kind]
    assert isinstance(error, expected), repr(error)
    assert (error.step, error.command) == ("work", command) and error.machine.startswith("chick") and error.hint


@pytest.mark.parametrize("kind", CALLING)
def test_outside_a_run_it_is_reported_as_well(kind, noticed):
    said = str(noticed[kind].error)
    assert "nothing was received for 15 s" in said or "no answer" in said, said
    assert "Traceback" not in said
