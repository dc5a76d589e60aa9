"""The whole rack goes off in order, and comes on gate by gate, on simulated machines."""

import json
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import simulated
from invoke import Context, Exit

from fabfile.bmc.board import Board, State
from fabfile.bmc.ipmi import ByIpmi
from fabfile.engine import powering_off
from fabfile.engine.errors import KeyRefused, NoAnswer
from fabfile.engine.run import run
from fabfile.finding import Severity
from fabfile.loading import load
from fabfile.rack.bmc import Bmc
from fabfile.rack.hardware import Hardware
from fabfile.resources import Once
from fabfile.resources.bmc import BootsNext, Identified, Powered, Started
from fabfile.secret import Secret
from fabfile.tasks import bmcs, queries, rack_power
from fabfile.tasks.announcing import announced, states_of_hubs
from tests.unit.small_rack import small_rack

BASE = Path(__file__).parents[1] / "cases/rack/base"


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """rooster, one control plane, two workers, all with a known host key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = shutil.copytree(BASE, tmp_path / "rack")
    text = (folder / "hosts.yaml").read_text()
    (folder / "hosts.yaml").write_text(text[:text.index("  chick3:")])
    rack = load(folder)
    return replace(rack, machines={name: one.model_copy(update={"host_key": f"ssh-ed25519 {name}"}) for name, one in rack.machines.items()})


class Flock(simulated.Ways):
    """Machines that go off when they are told to, and then let nobody in."""

    def __init__(self, rack, stubborn=""):
        super().__init__({name: partial(self.asked, name) for name in rack.machines})
        self.acts, self.off, self.stubborn = [], set(), stubborn

    def shell(self, machine, *, fresh=False):
        if machine.name in self.off:
            raise NoAnswer(machine.name, "no answer")
        return super().shell(machine, fresh=fresh)

    def asked(self, name, verb, text):
        if text.endswith("systemctl poweroff"):
            self.acts.append(f"off {name}")
            if name != self.stubborn:
                self.off.add(name)
        elif verb == "act" and (" cordon " in text or " drain " in text):
            self.acts.append("cordon" if " cordon " in text else "drain")
        elif "get node " in text:
            return 0, "open\n"
        elif "get pods" in text:
            return 0, "hub jupyter-ada / Running\n"
        elif text.strip().endswith("echo on"):
            return 0, "on\n"
        return 0, ""


def switch_off(rack, ways, **words):
    steps = rack_power.off_steps(rack, on=words.pop("on", rack.chicks), **{"api": True, "gateway": False} | words)
    return run(rack, "rack.power-off", steps, ways=ways, consent=lambda entries: True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(powering_off, "_PAUSE", 0.0)
    monkeypatch.setattr(rack_power, "_PAUSE", 0.0)


def test_pods_end_then_workers_then_control_planes_then_rooster(rack):
    ways = Flock(rack)
    result = switch_off(rack, ways, gateway=True)
    assert not result.errors, str(result.errors[0])
    assert ways.acts[:4] == ["cordon", "cordon", "cordon", "drain"]
    assert set(ways.acts[4:6]) == {"off chick1", "off chick2"} and ways.acts[6:] == ["off chick0", "off rooster"]
    assert result.exit_code == 0 and ways.off == set(rack.machines)


def test_rooster_stays_on_and_what_is_off_already_is_left_out(rack):
    ways = Flock(rack)
    assert switch_off(rack, ways, on=[one for one in rack.chicks if one.name != "chick2"], api=False).exit_code == 0
    assert ways.acts == ["off chick1", "off chick0"]


def test_a_worker_that_does_not_go_off_keeps_the_control_plane_on(rack, monkeypatch):
    monkeypatch.setattr(powering_off, "_SILENT", 10 ** 9)  # it is never silent
    clock = iter(range(0, 10 ** 6, 200))
    monkeypatch.setattr(powering_off.time, "monotonic", lambda: next(clock))
    ways = Flock(rack, stubborn="chick2")
    result = switch_off(rack, ways, on=[one for one in rack.chicks if one.name != "chick1"], api=False)
    assert result.exit_code == 1 and "off chick0" not in ways.acts
    assert "still answers" in str(result.errors[0])


def test_hubs_announce_it_and_it_is_waited_for_before_anything_goes_off():
    """In the plan after it nobody asks for the hub's release any more: its cluster is off."""
    rack = small_rack()
    steps = rack_power.off_steps(rack, on=rack.chicks, api=True, gateway=False, hubs=["hub"], at=2_000_000_000)
    assert [step.name for step in steps] == ["hub", "wait", "cordon nodes", "end pods", "workers off", "control planes off"]
    assert all(step.needs is None for step in steps)
    release, (wait,) = [*steps[0].role(rack, rack.gateway)], steps[1].role(rack, rack.gateway)
    assert release and all(isinstance(one, Once) for one in release) and not any(one.lasting for one in release)
    [change] = wait.changes("", frozenset())
    assert '-lt 2000000000' in change.commands[0].script and change.commands[0].long
    assert not any(step.name in ("hub", "wait") for step in rack_power.off_steps(rack, on=rack.chicks, api=True, gateway=False))


@pytest.mark.parametrize("told, well", [('{"version": "5", "users": 1, "servers": []}', True), ("no such deployment", False)])
def test_a_hub_that_does_not_answer_is_told_nothing(told, well):
    ways = simulated.Ways({"rooster": lambda verb, text: (0, f"#part hub\n== release\n[]\n== api\n{told}\n#part cut short\n")})
    assert bool(states_of_hubs(small_rack(), ways)["hub"].api) is well


def test_an_announcement_is_written_with_its_time_and_shown_alone_where_it_is_a_dry_run(tmp_path, capsys):
    rack = load(shutil.copytree(BASE.parents[1] / "hub/base", tmp_path / "rack"))
    before, file = (tmp_path / "rack/configs/hub.yaml").read_text(), tmp_path / "rack/configs/hub.yaml"
    hubs = [rack.services["hub"]]
    assert announced(rack, hubs, 2_000_000_000, "Off at {at}.", dry=True) == ["hub"]
    assert "Off at " in capsys.readouterr().out and file.read_text() == before
    assert announced(rack, hubs, 2_000_000_000, "Off at {at}.", dry=False) == ["hub"]
    assert re.search(r"Off at \d\d:\d\d\.<script>", file.read_text())


def test_nothing_goes_off_while_a_machine_that_runs_lets_nobody_in():
    silent = NoAnswer("chick2", "no answer")
    rack_power.refuse_those_that_run({"chick2": silent})
    with pytest.raises(Exit, match=r"chick1 runs, and cannot be asked \(login was refused\)") as refused:
        rack_power.refuse_those_that_run({"chick1": KeyRefused("chick1", "login was refused"), "chick2": silent})
    assert refused.value.code == 1 and "nothing was switched off" in str(refused.value)


class Gates:
    """Machines that answer after so many looks."""

    def __init__(self, monkeypatch, **after):
        self.after, self.looks, self.said = after, {}, []
        monkeypatch.setattr(queries, "ask", self.ask)

    def ask(self, rack, questions, limit=60.0, ways=None):
        answers, errors = {}, {}
        for name in questions:
            self.looks[name] = self.looks.get(name, 0) + 1
            if self.looks[name] <= self.after.get(name, 0):
                errors[name] = NoAnswer(name, "no answer")
            else:
                answers[name] = "open\n"
        return answers, errors


def test_each_gate_is_waited_for_before_the_next(rack, monkeypatch):
    gates = Gates(monkeypatch, rooster=2, chick0=3, chick2=1)
    opened = []
    assert rack_power.came_up(rack, 60.0, gates.said.append, lambda missing: opened.append([*missing])) == []
    assert opened == [[]]
    assert [line.partition(": ")[0] for line in gates.said if "up after" in line] == ["gateway", "control planes", "workers"]
    assert "switch chick0 on now: no BMC can do it" in gates.said and "switch chick2 on now: no BMC can do it" in gates.said
    assert (gates.looks["rooster"], gates.looks["chick0"], gates.looks["chick1"], gates.looks["chick2"]) == (3, 4, 1, 2)


ENTRY = {"address": "192.168.0.101", "protocol": "ipmi", "user": "ADMIN"}


@pytest.mark.parametrize("recorded, says, sent, told", [
    # what hosts.yaml has of chick1, what its BMC says of its machine
    ({"uuid": "4c4c4544-0042-3510-804b-b7c04f384d32"}, {"uuid": "4C4C4544-0042-3510-804B-B7C04F384D32"}, True, ""),
    ({"uuid": "4c4c4544-0042-3510-804b-b7c04f384d32"}, {"uuid": "4C4C4544-0042-3510-804B-B7C04F384D99"}, False,
     "it is of another machine: its UUID is 4c4c4544-0042-3510-804b-b7c04f384d99, and hosts.yaml has 4c4c4544-0042-3510-804b-b7c04f384d32"),
    ({"serial": "S1"}, {"serials": ("S1",)}, True, ""),
    ({"serial": "S1"}, {"serials": ("S2",)}, False, "it is of another machine: its serial number is S2, and hosts.yaml has S1 for chick1"),
    ({}, {"serials": ("S2",)}, True, ""),  # as node.power: none is recorded
    ({"serial": "S1"}, {}, True, ""),  # as node.power: it does not say its own
])
def test_another_machines_bmc_is_named_and_nothing_is_sent_to_it(rack, monkeypatch, recorded, says, sent, told):
    machines = {**rack.machines}
    for name, hardware in (("chick1", Hardware(**recorded)), ("chick2", Hardware(serial="S7"))):
        machines[name] = machines[name].model_copy(update={"bmc": Bmc.model_validate(ENTRY), "hardware": hardware})
    rack = replace(rack, machines=machines, secrets={"bmc": {"password": Secret("secret")}})
    answers = {"chick1": State("off", **says), "chick2": State("off", serials=("S7",))}
    monkeypatch.setattr(bmcs, "look", lambda rack, boards, ways: {one.machine: ByIpmi(one, answers[one.machine]) for one in boards})
    said, steps = [], []
    monkeypatch.setattr("fabfile.tasks.converge.converge", lambda name, made, **words: steps.extend(made(rack)))
    rack_power.switched_on(rack, [rack.machine("chick1"), rack.machine("chick2")], said.append)
    (step,) = steps
    assert [one.machine for one in step.role(rack, rack.gateway)] == ["chick1"] * sent + ["chick2"]
    assert [line for line in said if "chick1" in line] == ([
        f"switch chick1 on now: nothing was said to its BMC, as {said[0].partition(', as ')[2]}"] if told else [])
    assert not told or told in said[0]


@pytest.mark.parametrize("power, made", [
    ("off", lambda known: Powered(known, True)), ("on", lambda known: Powered(known, False)),
    ("off", lambda known: Started(known, "network")), ("off", lambda known: BootsNext(known, "network")),
    ("off", lambda known: Identified(known, True))])
@pytest.mark.parametrize("before, now", [(("S2",), ()), (("S1",), ("S2",))])
def test_whoever_asks_for_it_another_machines_bmc_is_told_nothing(monkeypatch, power, made, before, now):
    """Also where its answer changed since it was looked at, or where the probe does not ask for it again."""
    known = ByIpmi(Board("chick1", "192.168.0.101", "ADMIN", Secret("secret"), protocol="ipmi", serial="S1"), State(power, serials=before))
    monkeypatch.setattr(ByIpmi, "read", lambda self, output: State(power, serials=now))
    (change,) = made(known).changes("", frozenset())
    assert "chick1: it is of another machine: its serial number is S2" in change.what
    assert [command.script for command in change.commands] == [f"echo '{change.what}' >&2; exit 1"]


@pytest.mark.parametrize("away, unasked", [("rooster", "chick0"), ("chick0", "chick1")])
def test_what_does_not_come_up_is_a_finding_and_what_needs_it_is_not_looked_at(rack, monkeypatch, away, unasked):
    gates = Gates(monkeypatch, **{away: 10 ** 6})
    (found,) = rack_power.came_up(rack, 0.0, gates.said.append, lambda missing: pytest.fail("it is not open"))
    assert (found.where, found.severity) == (away, Severity.DOWN)
    assert "does not answer" in found.what and "console" in found.fix and ("expect: off" in found.fix) == (away != "rooster")
    assert unasked not in gates.looks


@pytest.mark.parametrize("away, opened, late", [
    (["chick2"], True, ["chick2"]),  # one of three control planes
    (["chick1", "chick2"], False, []),
    (["chick4"], True, ["chick4"]),  # one of two workers
    (["chick2", "chick4"], True, ["chick2", "chick4"]),
    (["chick3", "chick4"], False, []),
])
def test_the_rack_opens_without_a_dead_machine_that_it_can_do_without(rack, monkeypatch, away, opened, late):
    def named(name, role):
        machine = rack.machine("chick1").model_copy(update={"roles": frozenset({role})})
        machine._name = name
        return machine

    roles = {f"chick{number}": "control-plane" if number < 3 else "worker" for number in range(5)}
    rack = replace(rack, machines={"rooster": rack.gateway, **{name: named(name, role) for name, role in roles.items()}})
    gates = Gates(monkeypatch, **dict.fromkeys(away, 10 ** 6))
    without = []
    found = rack_power.came_up(rack, 0.0, gates.said.append, lambda missing: without.append([*missing]))
    assert without == ([late] if opened else [])
    if opened:
        assert [(each.where, each.severity) for each in found] == [(name, Severity.DEGRADED) for name in late]
        (step,) = rack_power.open_steps(rack, {each.where for each in found})
        ready, *_ = step.verify(rack, step.machines)
        assert not set(ready.about) & set(late) and len(ready.about) == 5 - len(late)
    else:
        assert {each.severity for each in found} == {Severity.DOWN}


def test_a_machine_that_comes_later_is_not_waited_for_before_the_rack_is_open(rack, monkeypatch):
    gates, without = Gates(monkeypatch, chick2=3), []
    monkeypatch.setattr(rack_power, "_TOGETHER", 0.0)
    assert rack_power.came_up(rack, 60.0, gates.said.append, lambda missing: without.append([*missing])) == []
    assert without == [["chick2"], []]


def test_json_is_one_document_also_when_machines_are_switched_on_and_nodes_opened(rack, monkeypatch, capsys):
    def came_up(rack, limit, say, opens):
        say("gateway: up after 0 s (rooster)")
        opens({"chick2"})
        return [rack_power.late_one(rack.machine("chick2"), "does not answer (no answer)", Severity.DEGRADED, "")]

    ran = []
    monkeypatch.setattr(rack_power, "came_up", came_up)
    monkeypatch.setattr("fabfile.tasks.rack.the_rack", lambda: rack)
    monkeypatch.setattr("fabfile.tasks.converge.converge", lambda name, steps, **words: (print("1 changed"), ran.append(steps(rack))))
    with pytest.raises(Exit) as ended:
        rack_power.power_on(Context(), json=True)
    told = capsys.readouterr()
    assert ended.value.code == 3 and len(ran) == 1
    assert [each["where"] for each in json.loads(told.out)] == ["chick2"] and "1 changed" in told.err
