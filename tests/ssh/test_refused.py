"""Refused means not done: nothing that stands behind a refused lock, or behind a command that took too long, runs.

What counts is what the machines have afterwards. What was told is looked at besides.
"""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
import toys
from swarm import PROJECT
from test_faults import until
from toys import Text

from fabfile.engine import lock, shell
from fabfile.engine.errors import LockHeld, TookTooLong
from fabfile.engine.step import Step

CALLED = "/run/called"
# In place of a program: writes down how it was called, and does nothing.
STANDIN = f'#!/bin/sh\necho "${{0##*/}} $*" >>{CALLED}\n'
# a task that changes something by hand, and the beginning of what it calls for that on rooster. (hub.rollback
# asks for a release first, and then goes the same way.)
ADHOC = {
    "hub.restart": "kubectl .* rollout restart",
    "hub.prove": "kubectl .* delete pod",
    "hub.stop-server student": "python3",
    "hub.user.add student": "python3",
    "hub.user.remove student": "python3",
    "hub.user.admin student": "python3",
}
SECRETS = "hub:\n  hub: {services: {coop: {apiToken: %s}}}\n" % ("0f" * 32)


@pytest.fixture
def busy(operate):
    """operator, and a run of somebody else that holds the rack's lock and works on chick1."""
    operator = operate(chicks=2)
    first = operator.start("long_on_a_worker")
    until(operator.swarm.hosts["chick1"], "[ -e /etc/slow.runs ]")
    yield operator
    operator.swarm.hosts["chick1"].run("touch /run/go")
    said, _ = first.communicate(timeout=30)
    assert first.returncode == 0, said  # nobody has disturbed it


def test_a_refused_run_has_changed_nothing(busy):
    result = busy.run(toys.plain)
    assert isinstance(result.errors[0], LockHeld)
    assert busy.swarm.hosts["rooster"].run("ls /etc/one", check=False) == ""
    for name in ("chick0", "chick1"):
        assert busy.swarm.hosts[name].run("ls /etc/toy*", check=False) == ""


@pytest.fixture
def with_a_hub(operate):
    """An operator whose rack has a hub, and a rooster whose programs only write down that they were called."""
    operator = operate()
    configs = operator.folder / "configs"
    shutil.copy(PROJECT / "configs/hub.yaml", configs)
    (configs / "secrets.yaml").write_text(SECRETS)
    (configs / "secrets.yaml").chmod(0o600)
    rooster = operator.swarm.hosts["rooster"]
    for program in ("kubectl", "python3"):
        rooster.run(f"cat >/usr/local/bin/{program} <<'END'\n{STANDIN}END\nchmod 755 /usr/local/bin/{program}")
    return operator


def called(operator, what: str) -> str:
    return operator.swarm.hosts["rooster"].run(f"grep '^{what}' {CALLED}", check=False)


def test_a_task_that_is_refused_is_not_done(with_a_hub):
    operator, done, untold = with_a_hub, [], []
    first = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    for words, what in ADHOC.items():
        code, said = operator.end(".venv/bin/inv", *words.split())
        time.sleep(0.3)  # what goes on there without us
        done += [f"{words}: {line}" for line in called(operator, what).splitlines()]
        operator.swarm.hosts["rooster"].run(f"rm -f {CALLED}")
        if code != 1 or "holds the lock on this rack since" not in said:
            untold.append(f"{words} ended with {code}: {said}")
    assert not done, "refused, and done all the same"
    assert not untold
    operator.swarm.hosts["chick0"].run("touch /run/go")
    first.communicate(timeout=30)
    operator.end(".venv/bin/inv", "hub.restart")  # with the lock free it is done, and seen to be
    assert called(operator, ADHOC["hub.restart"])


@pytest.mark.parametrize("words", [("hub.upgrade",), ("cluster.bootstrap",)], ids=lambda words: words[0])
def test_a_refused_run_draws_no_secrets(with_a_hub, words):
    """Two people at a new rack: whoever is refused is left without a file of secrets that no hub has."""
    operator = with_a_hub
    secrets = operator.folder / "configs/secrets.yaml"
    secrets.unlink()
    first = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    before = {path: path.read_bytes() for path in operator.folder.rglob("*") if path.is_file()}
    code, said = operator.end(".venv/bin/inv", *words)
    assert {path: path.read_bytes() for path in operator.folder.rglob("*") if path.is_file()} == before, said
    assert code == 1 and "holds the lock on this rack since" in said
    operator.swarm.hosts["chick0"].run("touch /run/go")
    first.communicate(timeout=30)


@pytest.fixture
def lock_of(monkeypatch):
    """lock_of(host): somebody else holds the machine's lock; a run waits for it a few seconds, not a minute."""
    real, running = lock.take_machine, []

    def sooner(*about: str) -> str:
        text = real(*about)
        assert "-le 30" in text
        return text.replace("-le 30", "-le 1")

    def hold(host) -> None:
        running.append(subprocess.Popen([*host.inside(), "sh", "-c", "mkdir -p -m 700 /run/coop; exec 9>>/run/coop/machine;"
                                         " flock 9; sleep 60"]))
        until(host, "[ -e /run/coop/machine ] && ! flock -n /run/coop/machine true")

    monkeypatch.setattr(lock, "take_machine", sooner)
    yield hold
    for process in running:
        process.kill()
        process.wait()


def test_a_machine_that_somebody_works_on_is_left_alone(operate, lock_of):
    operator = operate(chicks=2)
    lock_of(operator.swarm.hosts["chick0"])
    result = operator.run(toys.plain)
    assert {name for name, outcome in result.machines.items() if outcome.state == "failed"} == {"chick0"}
    assert "still running there" in str(result.errors[0])
    assert operator.swarm.hosts["chick0"].run("ls /etc/toy*", check=False) == ""
    assert operator.swarm.hosts["chick1"].run("cat /etc/toy7") == "7 it's ✓\n"  # the others are done


def test_another_machine_that_somebody_works_on_gives_no_value(operate, lock_of):
    """The lender is no machine of the run: its shell takes the lock and makes the value in one write."""
    operator = operate(chicks=2)
    lock_of(operator.swarm.hosts["chick0"])
    result = operator.run(toys.borrowing)
    assert result.exit_code == 1 and "still running there" in str(result.errors[0])
    time.sleep(0.3)
    assert operator.swarm.hosts["chick0"].run("cat /run/tokens", check=False) == ""
    assert operator.swarm.hosts["chick1"].run("ls /etc/joined /etc/token", check=False) == ""


def test_nothing_follows_a_command_that_took_too_long(operate, monkeypatch):
    """The run has other machines to do meanwhile: what was queued behind the slow command has time to be done."""
    monkeypatch.setattr(shell, "GRACE", 1.0)
    operator = operate(chicks=2)
    chick0 = operator.swarm.hosts["chick0"]

    def scenario(rack):
        def role(rack, machine):
            if machine.name == "chick1":
                return [Text("/etc/elsewhere", "1", slow=8)]
            return [Text("/etc/slow", "done", slow=4, limit=1), *(Text(f"/etc/after{n}", "1") for n in range(3))]
        return [Step("install", rack.chicks, role)]

    result = operator.run(scenario)
    until(chick0, "[ -e /etc/slow ]", 10)  # what was running ends by itself
    time.sleep(0.5)
    assert chick0.run("ls /etc/after*", check=False) == ""
    (error,) = result.errors
    assert isinstance(error, TookTooLong) and error.machine == "chick0"
    assert "write /etc/slow" in str(error) and "may still run" in str(error)
    assert operator.swarm.hosts["chick1"].run("cat /etc/elsewhere") == "1"
    again = operator.run(scenario)  # a slow command that has ended is not made again
    assert again.exit_code == 0 and chick0.run("cat /etc/slow.runs /etc/after0 /etc/after2") == "begun\n11"
