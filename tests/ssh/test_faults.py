"""The operator killed, the line cut or reset, the power gone: the next run ends in the same state."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import toys
from toys import Text, always

from fabfile.engine import events
from fabfile.engine.errors import LinkError, LinkLost, NoAnswer
from fabfile.engine.step import Step


def until(host, condition: str, seconds: float = 60) -> None:
    """Waits until a shell condition holds on a machine."""
    deadline = time.monotonic() + seconds
    while host.run(f"if {condition}; then echo yes; fi", check=False) != "yes\n":
        assert time.monotonic() < deadline, f"{host.name}: never became so: {condition}"
        time.sleep(0.05)


def interrupted(process) -> tuple[float, str]:
    """Ctrl-C at its terminal: seconds until its end, and all that it said.

    A computer with other work does not count: the time for which the process was ready to run, and was not
    let, is taken off.
    """
    def kept_waiting() -> float:  # of its main thread, as the kernel counts it
        return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]) / 1e9

    began, waited = time.monotonic(), kept_waiting()
    os.kill(process.pid, signal.SIGINT)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - began - (kept_waiting() - waited)
    return seconds, process.communicate(timeout=10)[0]


def the_next_run(operator) -> str:
    """Finds what still runs on chick0, says so, and goes on when that ends: what it said."""
    process, said = operator.start("long"), []
    for line in process.stdout:
        said.append(line)
        if "an earlier run's `write /etc/slow` is still running here; waiting for it" in line:
            operator.swarm.hosts["chick0"].run("touch /run/go")
    assert process.wait() == 0, "".join(said)
    return "".join(said)


def undisturbed(host) -> None:
    """What both `long` and `short` must end in: everything there, and nothing done twice."""
    assert host.run("cat /etc/slow /etc/after") == "done1"
    assert host.run("cat /etc/slow.runs /etc/after.runs") == "begun\nbegun\n"
    assert host.run("ls -A /run/coop/units", check=False) == ""


def test_a_killed_operator_neither_ends_nor_doubles_a_long_command(operate):
    operator = operate()
    chick = operator.swarm.hosts["chick0"]
    process = operator.start("long")
    until(chick, "[ -e /etc/slow.runs ]")
    process.kill()
    process.wait()
    assert "chick0: an earlier run's `write /etc/slow` is still running here" in the_next_run(operator)
    undisturbed(chick)


def test_a_killed_operator_in_a_short_command(operate):
    """What was running ends, what was to follow does not begin, and the next run waits for the previous."""
    operator = operate()
    chick = operator.swarm.hosts["chick0"]
    process = operator.start("short")
    until(chick, "[ -e /etc/slow.runs ]")
    process.kill()
    process.wait()
    code, said = operator.end("short")
    assert code == 0, said
    undisturbed(chick)


@pytest.mark.parametrize("scenario", ["long", "short"])
def test_a_hanging_line_is_noticed_in_time_and_the_next_run_goes_on(operate, scenario):
    operator = operate()
    chick = operator.swarm.hosts["chick0"]

    def slow(rack):
        first = Text("/etc/slow", "done", slow=25, long=scenario == "long")
        return [Step("install", rack.chicks, always(first, Text("/etc/after", "1")))]

    cut = []

    def pull() -> None:
        until(chick, "[ -e /etc/slow.runs ]")
        operator.swarm.cut("rooster", "outer")
        cut.append(time.monotonic())

    Thread(target=pull).start()
    result = operator.run(slow)
    noticed = time.monotonic() - cut[0]
    assert noticed <= 16.5
    (error,) = result.errors
    assert isinstance(error, LinkLost)
    assert (error.machine, error.step, error.command) == ("chick0", "install", "write /etc/slow")
    # The operator comes back from elsewhere: rooster hears nothing more of the previous connection, not even
    # its end.
    operator.swarm.net("addr del 128.120.136.2/24 dev outer", "addr add 128.120.136.3/24 dev outer")
    operator.swarm.cut("rooster", "outer", up=True)
    result = operator.run(slow)
    assert (result.exit_code, result.errors) == (0, ())
    (taken,) = operator.heard(events.Noticed)
    assert "took over from a run that no longer answers" in taken.text and "toy.slow" in taken.text
    undisturbed(chick)


def test_a_line_that_is_reset(operate):
    operator = operate()
    chick, rooster = operator.swarm.hosts["chick0"], operator.swarm.hosts["rooster"]
    process = operator.start("long")
    until(chick, "[ -e /etc/slow.runs ]")
    rooster.run("pkill -f '[s]shd: root@'")
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1 and "chick0, install, file /etc/slow: the connection was lost" in said, said
    assert "To resume: inv toy.long" in said
    assert "is still running here" in the_next_run(operator)
    undisturbed(chick)


def test_a_machine_that_loses_its_power(operate):
    operator = operate()
    process = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    operator.swarm.restart("chick0")
    process.communicate(timeout=30)
    assert process.returncode == 1
    operator.swarm.hosts["chick0"].run("touch /run/go")
    code, said = operator.end("long")
    assert code == 0, said
    undisturbed(operator.swarm.hosts["chick0"])


def test_a_shell_that_nobody_will_speak_to_again_gives_its_machine_back(operate):
    """When rooster's power goes, no chick is notified: its shell waits for the next word, and holds the lock."""
    operator = operate()
    process = operator.start("one_by_one")
    until(operator.swarm.hosts["rooster"], "[ -e /etc/slow.runs ]")
    operator.swarm.restart("rooster")
    process.communicate(timeout=40)
    assert process.returncode == 1
    began = time.monotonic()
    code, said = operator.end("one_by_one")
    assert code == 0 and time.monotonic() - began < 45, said
    assert operator.swarm.hosts["chick0"].run("cat /etc/after /etc/after.runs") == "1begun\n"


@pytest.mark.parametrize("silence", ["dark", "cut"])
def test_a_machine_that_is_not_there_is_reported_in_time(operate, silence):
    operator = operate()
    if silence == "dark":
        operator.swarm.hosts["chick0"].process.kill()
    else:
        operator.swarm.cut("rooster", "outer")
    began = time.monotonic()
    result = operator.run(toys.plain)
    assert time.monotonic() - began <= 16.5
    assert all(isinstance(error, NoAnswer) for error in result.errors) and result.exit_code == 1
    if silence == "dark":  # the others are done all the same
        assert result.machines["rooster"].state == "changed"


def test_ctrl_c_stops_at_once_and_says_what_still_runs(operate):
    operator = operate()
    process = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    seconds, said = interrupted(process)
    assert seconds <= 2 and process.returncode == 130, said
    assert "chick0: write /etc/slow" in said and "Traceback" not in said, said
    assert "is still running here" in the_next_run(operator)  # the lock is free, and the unit is found
    undisturbed(operator.swarm.hosts["chick0"])


def test_ctrl_c_while_connecting(operate):
    operator = operate()
    # its address is known, so that nobody says that there is nobody
    operator.swarm.net(f"neigh replace 128.120.136.26 lladdr {operator.swarm.mac('rooster', 'o')} dev outer")
    operator.swarm.cut("rooster", "outer")
    process = operator.start("long")
    deadline = time.monotonic() + 30
    while not any(thread.read_text() for thread in Path(f"/proc/{process.pid}/task").glob("*/children")):
        assert process.poll() is None and time.monotonic() < deadline, "it never came to its proxy command"
        time.sleep(0.05)
    seconds, said = interrupted(process)
    assert seconds <= 2 and process.returncode == 130, said
    assert "Traceback" not in said, said


def test_a_second_ctrl_c_quits(operate):
    operator = operate()
    process = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    operator.swarm.cut("rooster", "outer")
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=3)
    assert process.returncode in (130, -signal.SIGINT)  # the latter when both came at once


def test_every_link_error_names_its_machine():
    for kind in LinkError.__subclasses__():
        assert str(kind("chick1", "it holds", step="join")) == "chick1, join: it holds"
