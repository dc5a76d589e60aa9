"""A swarm, and a sample of what is measured on it: a shell script and Coop make the same machines."""

import pytest

from bench.cost import RunFailed, run
from bench.field import Field
from bench.peers import on, prove
from bench.report import goals
from bench.tools import Coop, Floor
from fabfile.resources import Unit
from lab import lifecycle, network, swarm
from lab.places import Places
from lab.screen import plain

SET_UP = 'printf %s "$1" >/run/systemd/system/toy.service; systemctl daemon-reload'


@pytest.fixture(scope="module")
def lab():
    places = Places.named("testswarm")
    lifecycle.down(places)
    yield swarm.up(places, 3, plain)
    lifecycle.down(places)
    assert not places.folder.exists() and not network.namespaces(places)


@pytest.fixture
def field(lab, tmp_path):
    """Two of its three chicks."""
    field = Field(lab, tmp_path / "field", 2)
    field.write()
    return field


def test_its_machines_are_real_ones(lab):
    assert lab.run("chick2", "systemctl", "is-system-running").stdout.strip() == "running"
    booted = lab.run("chick2", "cat", "/proc/sys/kernel/random/boot_id").stdout
    lab.run("chick2", "touch", "/etc/kept")
    lab.off("chick2")
    lab.on("chick2")
    assert lab.run("chick2", "cat", "/proc/sys/kernel/random/boot_id").stdout != booted
    lab.run("chick2", "test", "-e", "/etc/kept")
    lab.reset(["chick2"])
    assert lab.run("chick2", "test", "-e", "/etc/kept", check=False).returncode == 1


@pytest.mark.parametrize("program, comes_up", [
    ("/bin/sleep 100", True), ("/bin/false", False), ("/bin/sh -c 'sleep 0.3; exit 1'", False)])
def test_a_unit_that_starts_again_and_again_has_not_come_up(lab, program, comes_up):
    text = f"[Service]\nExecStart={program}\nRestart={'no' if program == '/bin/false' else 'always'}\n"
    lab.run("chick2", "sh", "-ec", SET_UP, "sh", text)
    for change in Unit("toy", enabled=None).changes("LoadState=loaded\nActiveState=inactive\n", frozenset()):
        done = lab.run("chick2", "sh", "-ec", change.commands[0].script, check=False)
    assert (done.returncode == 0) == comes_up, done.stdout
    assert comes_up or "toy.service does not come up" in done.stdout
    lab.run("chick2", "systemctl", "stop", "toy")


def test_script_and_coop_make_the_same_machines_and_coop_needs_one_channel(field):
    rows = list(on(field, [Floor(), Coop()], ["fresh", "no-op", "changed"], rounds=1))
    assert {(row.kind, row.tool) for row in rows} == {
        (kind, tool) for kind in ("fresh", "no-op", "changed") for tool in ("floor", "Coop")}
    assert all(cost.controller > 0 and cost.machines > 0 for row in rows for cost in row.costs)
    counted = {goal.what.partition(":")[0]: goal for goal in goals(rows)}
    assert counted["exec channels a machine"].reached
    assert counted["round trips a machine that one changed file adds"].figure == 2
    assert all(row.counts.round_trips > 5 and row.counts.bytes > 5000 for row in rows)


def test_a_difference_is_seen_whoever_made_it(field):
    run(field, Floor(), 1)
    prove(field, 1)
    field.lab.run("chick1", "rm", "/etc/sudoers.d/keeper")
    with pytest.raises(RunFailed, match="ended with 3"):
        prove(field, 1)


def test_who_stands_on_rooster_goes_straight_to_the_chicks(lab, tmp_path):
    field = Field(lab, tmp_path / "field", 2, "direct")
    field.write()
    for tool in (Floor(), Coop()):
        run(field, tool, 1)
    assert "Jump" not in field.ssh_config.read_text() and "Proxy" not in field.ssh_config.read_text()


def test_a_slow_line_is_slow(lab, tmp_path):
    field = Field(lab, tmp_path / "field", 1, delay=300)
    field.write()
    assert run(field, Floor(), 1).wall > 2  # TCP, SSH and the way to the chick: at least seven times there and back
