"""What keeps a rack safe: one run at a time, changes that go back, values nobody sees, keys checked."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
import toys
from invoke import Exit
from test_faults import until
from toys import Text, always

from fabfile.engine import events
from fabfile.engine.errors import CommandFailed, HostKeyChanged, HostKeyUnknown, KeyRefused, LockHeld, RolledBack
from fabfile.engine.step import Step
from fabfile.tasks.actions import act
from fabfile.tasks.queries import ask

TOKEN = "s3cr3t-t0ken-0123456789"


def test_a_second_run_is_refused_and_names_who_holds_the_lock(operate):
    operator = operate()
    first = operator.start("long")
    until(operator.swarm.hosts["chick0"], "[ -e /etc/slow.runs ]")
    result = operator.run(toys.plain)
    (error,) = result.errors
    assert isinstance(error, LockHeld) and result.exit_code == 1
    told = r"^\w+ from \S+ holds the lock on this rack since 20\S+, running toy.long; "
    assert re.search(told, str(error)), error
    assert operator.run(toys.plain, dry=True).exit_code == 3  # looking is always allowed
    rack, rooster = operator.rack, operator.swarm.hosts["rooster"]
    with pytest.raises(Exit):
        act(rack, rack.gateway, "touch a file", "touch /etc/acted")
    time.sleep(0.5)
    assert rooster.run("ls /etc/acted", check=False) == ""  # refused is not done
    assert ask(rack, {"rooster": "echo question"})[0] == {"rooster": "question\n"}
    operator.swarm.hosts["chick0"].run("touch /run/go")
    said, _ = first.communicate(timeout=30)
    assert first.returncode == 0, said
    assert operator.run(toys.plain).exit_code == 0
    result = act(rack, rack.gateway, "look", "cat /run/coop/lock.holder; flock -n /run/coop/lock true || echo held")
    assert f'"run": "{result.run}"' in result.said and result.said.endswith("held\n")


def test_a_run_that_waits_goes_on_when_the_lock_is_free_and_says_once_for_which(operate):
    operator = operate()
    first = operator.start("long")
    chick = operator.swarm.hosts["chick0"]
    until(chick, "[ -e /etc/slow.runs ]")
    (error,) = operator.run(toys.plain, patience=6.0).errors
    assert isinstance(error, LockHeld)
    release = threading.Timer(8.0, chick.run, ("touch /run/go",))
    release.start()
    result = operator.run(toys.plain, patience=60.0)
    assert result.exit_code == 0 and first.wait(30) == 0
    (told,) = [event.text for event in operator.heard(events.Noticed)]
    assert "waits, as " in told and "running toy.long; the lock on rooster is released when that run ends" in told


def test_the_lock_outlives_no_killed_run_even_with_a_command_running_on_the_gateway(operate):
    operator = operate()
    rooster = operator.swarm.hosts["rooster"]
    process = operator.start("gateway")
    until(rooster, "[ -e /etc/slow.runs ]")
    process.kill()
    process.wait()
    code, said = operator.end("gateway")
    assert code == 0, said
    assert rooster.run("cat /etc/slow /etc/slow.runs") == "donebegun\n"


@pytest.mark.parametrize("name", ["rooster", "chick0"])
def test_a_change_that_lets_no_new_connection_in_goes_back(operate, monkeypatch, name):
    from fabfile.engine import confirm
    monkeypatch.setattr(confirm, "MINUTE", 8)
    operator = operate()
    link_down = f"ip link set {'enp2s0' if name == 'rooster' else 'enp1s0'} down"
    up = link_down.replace("down", "up")

    def scenario(rack):
        return [Step("network", (rack.machine(name),), always(
            Text("/etc/net", "new", first=link_down, undo=f"{up}; rm /etc/net")))]

    began = time.monotonic()
    result = operator.run(scenario)
    (error,) = result.errors
    assert isinstance(error, RolledBack), error
    assert "the machine has put the previous state back" in str(error) and error.machine == name
    assert time.monotonic() - began < 60
    assert operator.swarm.hosts[name].run("ls /etc/net", check=False) == ""
    assert operator.run(toys.plain).exit_code == 0  # and it can be worked on


def test_a_change_that_holds_is_confirmed_over_a_new_connection(operate):
    operator = operate()

    def scenario(rack):
        return [Step("network", (rack.gateway, *rack.chicks), always(
            Text("/etc/net", "new", undo="rm /etc/net"), Text("/etc/after", "1")))]

    result = operator.run(scenario)
    assert (result.exit_code, result.changes, result.errors) == (0, 4, ())
    log = (operator.swarm.folder / "chick0.log").read_text()
    assert log.count("Accepted publickey") == 2
    time.sleep(0.5)
    assert operator.swarm.hosts["chick0"].run("cat /etc/net; ls -A /run/coop/units") == "new"


def test_a_change_whose_commands_fail_goes_back_at_once(operate):
    operator = operate()

    def scenario(rack):
        return [Step("network", rack.chicks, always(
            Text("/etc/net", "new", first="echo half >/etc/half", fails=True, undo="rm /etc/half")))]

    (error,) = operator.run(scenario).errors
    assert isinstance(error, CommandFailed) and error.hint == "the previous state is back"
    assert operator.swarm.hosts["chick0"].run("ls /etc/half /etc/net", check=False) == ""


def test_a_remote_value_is_used_revoked_and_seen_by_nobody(operate):
    operator = operate(chicks=2)
    lender, borrower = operator.swarm.hosts["chick0"], operator.swarm.hosts["chick1"]
    process = operator.start("borrowing")
    until(borrower, "[ -e /etc/token ]")  # it is in use now
    for host in (lender, borrower):
        assert TOKEN not in host.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert TOKEN not in host.run("grep -r . /tmp /var/tmp 2>/dev/null || :")
    assert TOKEN not in Path(f"/proc/{process.pid}/cmdline").read_text()
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert borrower.run("cat /etc/token") == TOKEN
    assert lender.run("cat /run/tokens") == f"given\nback {TOKEN}\n"
    assert borrower.run("grep -rl t0ken /run/coop /var/log 2>/dev/null || :") == ""
    journals = list(operator.state.rglob("*.jsonl"))
    assert journals and not any(TOKEN in path.read_text() for path in journals)
    assert TOKEN not in said
    assert all(path.stat().st_mode & 0o077 == 0 for path in journals)


def test_a_value_is_revoked_also_when_the_change_fails(operate):
    operator = operate(chicks=2)

    def scenario(rack):
        (step,) = toys.borrowing(rack)
        (join,) = step.role(rack, rack.workers[0])
        refused = Text("/etc/x", "x", first='echo "refused: $TOKEN"', fails=True, remote_values=join.remote_values)
        return [Step("join", rack.workers, always(refused))]

    (error,) = operator.run(scenario).errors
    assert error.tail == ("refused: ••••••", "it cannot be")
    assert operator.swarm.hosts["chick0"].run("cat /run/tokens") == f"given\nback {TOKEN}\n"


def changed_key(operator, name: str, line: str | None) -> None:
    """Another host key for a machine in hosts.yaml, or none."""
    file = operator.folder / "hosts.yaml"
    own = operator.swarm.hosts[name].host_key
    instead = f"    host_key: {line}\n" if line else ""
    file.write_text(file.read_text().replace(f"    host_key: {own}\n", instead))


def other_key(operator) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{operator.state}.key"], check=True)
    return " ".join(Path(f"{operator.state}.key.pub").read_text().split()[:2])


def test_a_changed_host_key_is_refused_by_a_run_and_by_fab(operate):
    operator = operate()
    changed_key(operator, "chick0", other_key(operator))
    result = operator.run(toys.plain)
    (error,) = result.errors
    assert isinstance(error, HostKeyChanged) and error.machine == "chick0" and result.exit_code == 1
    assert result.machines["rooster"].state == "changed"
    code, said = operator.end(".venv/bin/fab", "-H", "chick0", "--", "uptime")
    assert code == 1 and "chick0: its host key is ssh-ed25519 SHA256:" in said, said
    assert "Traceback" not in said


def test_an_unknown_host_key_is_refused_by_a_run_and_by_fab(operate):
    operator = operate()
    changed_key(operator, "chick0", None)
    result = operator.run(toys.plain)
    assert isinstance(result.errors[0], HostKeyUnknown) and result.exit_code == 2
    code, said = operator.end(".venv/bin/fab", "-H", "chick0", "--", "uptime")
    assert code == 2 and "names no host_key" in said, said


def test_an_operator_who_may_not_in_is_reported_so(operate):
    operator = operate()
    other_key(operator)
    file = operator.folder / "hosts.yaml"
    file.write_text(file.read_text().replace(str(operator.swarm.key), f"{operator.state}.key"))
    result = operator.run(toys.plain)
    assert all(isinstance(error, KeyRefused) for error in result.errors)
    assert "login as root was refused" in str(result.errors[0])


def test_fab_goes_to_the_racks_machines_with_nothing_else_typed(operate):
    operator = operate()
    code, said = operator.end(".venv/bin/fab", "-H", "chick0,rooster", "--", "hostname")
    assert (code, said.split()) == (0, ["chick0", "rooster"])
    code, said = operator.end(".venv/bin/fab", "-H", "chick7", "--", "hostname")
    assert code == 2 and "did you mean chick0?" in said and "Traceback" not in said
    code, said = operator.end(".venv/bin/fab", "-H", "chick0", "--", "exit 7")
    assert code == 7
