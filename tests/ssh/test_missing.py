"""One machine is dark: what does not need it is done and verified, it is told once, and the same command brings it in."""

from __future__ import annotations

import os
import signal

import pytest
from invoke import Exit
from toys import Text, always

from fabfile.engine import events
from fabfile.engine.errors import NoAnswer, proves_that_it_runs
from fabfile.engine.step import Step
from fabfile.loading import load
from fabfile.resources.base import Check
from fabfile.tasks.converge import converge
from fabfile.tasks.queries import ask

STEPS = ("prepare", "join", "services")


def scenario(rack) -> list[Step]:
    """Three steps on all chicks; each is verified on those that it is told to."""
    def well(rack, machines):
        return [Check(f"{machine.name} is well", machine.name, "[ -e /etc/prepare ]") for machine in machines]
    return [Step(name, rack.chicks, always(Text(f"/etc/{name}", name)), verify=well) for name in STEPS]


def held(operator) -> set[tuple[str, str]]:
    return {(event.step, event.what) for event in operator.heard(events.Held)}


@pytest.fixture
def dark(operate):
    """An operator at a swarm of two chicks, of which chick1 has no power."""
    operator = operate(chicks=2)
    operator.swarm.hosts["chick1"].process.kill()
    return operator


def test_the_others_are_done_and_verified(dark):
    result = dark.run(scenario)
    assert result.exit_code == 1
    (error,) = result.errors
    assert isinstance(error, NoAnswer) and error.machine == "chick1"
    assert dark.swarm.hosts["chick0"].run("cat /etc/prepare /etc/join /etc/services") == "preparejoinservices"
    assert held(dark) == {(step, "chick0 is well") for step in STEPS}
    assert not result.remaining

    again = dark.run(scenario)
    assert (again.exit_code, again.changes, len(again.errors)) == (1, 0, 1)

    dark.swarm.restart("chick1")
    back = dark.run(scenario)
    assert back.exit_code == 0
    assert {name: outcome.changes for name, outcome in back.machines.items()} == {"chick0": 0, "chick1": 3}
    assert dark.swarm.hosts["chick1"].run("cat /etc/prepare /etc/join /etc/services") == "preparejoinservices"
    assert {what for _, what in held(dark)} >= {"chick1 is well"}


def test_who_lets_nobody_in_is_not_off(operate):
    operator = operate(chicks=3)
    hosts = operator.swarm.hosts
    hosts["chick0"].run(": >/root/.ssh/authorized_keys")
    os.kill(int(hosts["chick1"].inside()[2]), signal.SIGSTOP)  # its sshd: the system still takes connections
    hosts["chick2"].process.kill()
    answers, errors = ask(load(operator.folder), dict.fromkeys(("chick0", "chick1", "chick2"), ":"))
    assert not answers and {name: proves_that_it_runs(name, error) for name, error in errors.items()} == {
        "chick0": True, "chick1": True, "chick2": False}


def test_a_limit_limits_the_verification(dark):
    result = dark.run(scenario, limit="chick0")
    assert (result.exit_code, result.errors) == (0, ())
    assert held(dark) == {(step, "chick0 is well") for step in STEPS}


def test_one_that_is_meant_to_be_off_is_not_even_asked(dark):
    file = dark.folder / "hosts.yaml"
    file.write_text(file.read_text().replace("  chick1:\n", "  chick1:\n    expect: off\n"))
    result = dark.run(scenario)
    assert (result.exit_code, result.errors) == (0, ())
    assert result.machines["chick1"].state == "off"
    assert [event.machine for event in dark.heard(events.Noticed)] == ["chick1"]
    assert {event.machine for event in dark.heard(events.Connected)} == {"rooster", "chick0"}
    assert dark.run(scenario).changes == 0

    file.write_text(file.read_text().replace("    expect: off\n", ""))
    dark.swarm.restart("chick1")
    back = dark.run(scenario)
    assert back.exit_code == 0 and back.machines["chick1"].changes == 3


def test_no_second_cluster_is_made_while_the_control_plane_that_holds_one_is_meant_to_be_off(operate, capsys, monkeypatch):
    operator = operate(chicks=4)
    file = operator.folder / "hosts.yaml"
    file.write_text(file.read_text().replace("  chick0:\n", "  chick0:\n    expect: off\n")
                    .replace("roles: [worker]", "roles: [control-plane]", 2))
    monkeypatch.setenv("COOP_RACK", str(operator.folder))

    def steps(rack):
        assert rack.leader.name == "chick1"
        return [Step("control plane", (rack.leader,), always(Text("/etc/made", "1")))]

    chick1, chick3 = (operator.swarm.hosts[name] for name in ("chick1", "chick3"))
    chick3.run("mkdir -p /etc/kubernetes; : >/etc/kubernetes/kubelet.conf")
    with pytest.raises(Exit, match="chick3 is in a cluster, and no control plane that answers has one"):
        converge("cluster.bootstrap", steps)
    assert chick1.run("ls /etc/made", check=False) == ""
    chick3.run("rm /etc/kubernetes/kubelet.conf")
    converge("cluster.bootstrap", steps)
    assert chick1.run("cat /etc/made") == "1"
