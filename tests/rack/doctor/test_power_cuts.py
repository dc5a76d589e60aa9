"""The whole rack loses its power at once, ten times, at moments that nobody chose: a user's server is starting, running or ending."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rack.conftest import wait_until

MACHINES = ("rooster", "chick0", "chick1", "chick2")
MEMBERS = set(MACHINES[1:])
LIMIT = 300.0  # seconds from power to a hub where a user's cell ran


@pytest.mark.parametrize("moment", [random.Random(number).uniform(0, 30) for number in range(10)], ids=lambda moment: f"{moment:.0f}s")
def test_everything_comes_back_without_a_keystroke(moment, bootstrapped, operator, lab, nodes):
    work = operator.start("inv", "hub.prove")
    time.sleep(moment)
    with ThreadPoolExecutor(len(MACHINES)) as at_once:
        list(at_once.map(lab.off, MACHINES))
    work.kill()
    work.wait()
    for machine in MACHINES:
        lab.on(machine)
    began = time.monotonic()
    wait_until("every node is Ready", lambda: nodes() == MEMBERS, LIMIT)
    ready = time.monotonic() - began
    wait_until("a user's cell has run", lambda: operator.start("inv", "hub.prove").wait() == 0, max(LIMIT - ready, 1))
    print(f"cut after {moment:.0f} s of a user's work: every node was Ready after {ready:.0f} s, a cell ran after "
          f"{time.monotonic() - began:.0f} s")


def test_nothing_differs_and_the_doctor_has_nothing_to_say(bootstrapped, operator):
    again = operator.bootstrap()
    assert (again["changes"], again["exit_code"]) == (0, 0)
    operator.inv("doctor")
