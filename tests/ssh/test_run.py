"""A run on real sshds: one look at everything, and only what differs is changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import toys
from toys import Text, always

from fabfile.engine import events
from fabfile.engine.errors import CheckFailed, CommandFailed, TookTooLong
from fabfile.engine.step import Step
from fabfile.resources.base import Check


def sessions(operator, name: str) -> int:
    """How many exec channels a machine's sshd has opened in all."""
    return (operator.swarm.folder / f"{name}.log").read_text().count("Starting session: command")


def test_a_run_changes_what_differs_and_a_second_one_nothing(operate):
    operator = operate(chicks=3)
    first = operator.run(toys.plain)
    assert (first.exit_code, first.changes, bool(first.remaining)) == (0, 1 + 3 * 12, False)
    assert operator.swarm.hosts["chick2"].run("cat /etc/toy7") == "7 it's ✓\n"
    before = {name: sessions(operator, name) for name in operator.swarm.names}

    second = operator.run(toys.plain)
    assert (second.exit_code, second.changes) == (0, 0)
    assert {outcome.round_trips for outcome in second.machines.values()} == {1}
    assert {name: sessions(operator, name) - before[name] for name in before} == dict.fromkeys(before, 1)

    operator.swarm.hosts["chick1"].run("echo by hand >/etc/toy3")
    third = operator.run(toys.plain)
    assert {o.machine: o.changes for o in third.machines.values() if o.changes} == {"chick1": 1}
    assert third.machines["chick1"].round_trips <= 3  # the look, the change, the plan afterwards


def test_a_dry_run_says_what_a_run_does_and_touches_nothing(operate):
    operator = operate()
    dry = operator.run(toys.plain, dry=True)
    assert (dry.exit_code, dry.machines["chick0"].state) == (3, "differs")
    assert operator.swarm.hosts["chick0"].run("ls -d /etc/toy* /run/coop 2>/dev/null", check=False) == ""
    wet = operator.run(toys.plain)
    changed = [(e.machine, e.step, e.resource, e.what) for e in operator.heard(events.Changed)]
    assert sorted(changed) == sorted((e.machine, e.step, e.resource, e.change.what) for e in dry.plan)
    assert wet.changes == len(dry.plan)


def test_a_machine_that_fails_stops_there_and_the_others_finish(operate):
    operator = operate(chicks=2)

    def scenario(rack):
        def role(rack, machine):
            second = Text("/etc/b", "b", fails=machine.name == "chick0")
            return [Text("/etc/a", "a"), second, Text("/etc/c", "c")]
        return [Step("prepare", rack.chicks, role), Step("later", rack.chicks, always(Text("/etc/d", "d")))]

    result = operator.run(scenario)
    assert result.exit_code == 1
    states = {outcome.machine: outcome.state for outcome in result.machines.values()}
    assert states == {"chick0": "failed", "chick1": "changed"}
    (error,) = result.errors
    assert isinstance(error, CommandFailed)
    assert (error.machine, error.step, error.resource, error.code) == ("chick0", "prepare", "file /etc/b", 1)
    assert error.tail == ("it cannot be",)
    assert operator.swarm.hosts["chick0"].run("ls /etc/[a-d]") == "/etc/a\n"
    assert operator.swarm.hosts["chick1"].run("ls /etc/[a-d]") == "/etc/a\n/etc/b\n/etc/c\n/etc/d\n"
    assert result.resume == "inv toy.scenario"


def test_steps_in_order_and_only_those_that_are_asked_for(operate):
    operator = operate()

    def scenario(rack):
        return [Step(f"step {n}", rack.chicks, always(Text(f"/etc/s{n}", "x"))) for n in (1, 2, 3)]

    operator.run(scenario, only="step-2")
    assert [event.step for event in operator.heard(events.Changed)] == ["step 2"]
    operator.run(scenario, from_="step 2")
    assert [event.step for event in operator.heard(events.Changed)] == ["step 3"]
    assert operator.run(scenario, limit="chick0").resume == "inv toy.scenario --limit chick0"


def test_a_check_is_waited_for_and_reported_when_it_does_not_come_true(operate):
    operator = operate()

    def scenario(rack):
        def role(rack, machine):
            slowly = "(sleep 1; echo ready >/run/ready) </dev/null >/dev/null 2>&1 9>&- &"
            return [Text("/etc/a", "a", first=slowly)]
        return [Step("begin", rack.chicks, role, verify=lambda rack, machines: [
            Check("it is ready", "chick0", 'cat /run/ready; [ "$(cat /run/ready)" = ready ]', limit=10)])]

    assert operator.run(scenario).exit_code == 0
    assert operator.heard(events.Waiting) and operator.heard(events.Held)

    def never(rack):
        return [Step("begin", rack.chicks, always(Text("/etc/z", "z")), verify=lambda rack, machines: [
            Check("pigs fly", "chick0", "echo no wings >&2; false", limit=1)]),
            Step("after", rack.chicks, always(Text("/etc/y", "y")))]

    result = operator.run(never)
    (error,) = result.errors
    assert isinstance(error, CheckFailed) and error.tail == ("no wings",) and "pigs fly" in str(error)
    assert operator.swarm.hosts["chick0"].run("ls /etc/y", check=False) == ""  # what comes later stands on it


def test_what_a_run_could_not_prove_the_next_one_asks_again(operate):
    operator = operate(chicks=2)
    chick0 = operator.swarm.hosts["chick0"]

    def scenario(rack):
        return [Step("begin", rack.chicks, always(Text("/etc/a", "a")), verify=lambda rack, machines: [
            Check("it is there", "chick0", "[ -e /run/there ]", limit=1)])]

    assert isinstance(operator.run(scenario).errors[0], CheckFailed)
    dry = operator.run(scenario, dry=True)
    assert [(entry.machine, entry.resource) for entry in dry.plan] == [
        ("chick0", "verification of begin"), ("chick1", "verification of begin")] and dry.exit_code == 3
    assert isinstance(operator.run(scenario).errors[0], CheckFailed)  # no changes, and yet it is not done
    chick0.run("touch /run/there")
    proved = operator.run(scenario)
    assert proved.exit_code == 0 and not proved.remaining and operator.heard(events.Held)
    assert {outcome.changes for outcome in proved.machines.values()} == {0}
    assert not operator.run(scenario, dry=True).plan
    assert chick0.run("ls -A /var/lib/coop/unverified") == ""


def test_a_command_that_passes_its_limit_is_reported(operate):
    operator = operate()

    def scenario(rack):
        return [Step("wait", rack.chicks, always(Text("/etc/a", "a", slow=30, long=True, limit=1)))]

    (error,) = operator.run(scenario).errors
    assert isinstance(error, TookTooLong) and "its limit of 1 s" in str(error)
    assert operator.swarm.hosts["chick0"].run("ls -A /run/coop/units") == ""


def test_what_a_run_from_the_gateway_itself_does(operate):
    """The same steps, started on rooster: its own shell is a local one, the chicks are gone to directly."""
    operator = operate(chicks=2)
    rooster = operator.swarm.hosts["rooster"]
    rooster.bring(operator.folder)
    rooster.bring(operator.swarm.key)
    project = Path(__file__).parents[2]
    if project.is_relative_to("/tmp"):  # a machine of the swarm sees this computer's files, but has a /tmp of its own
        rooster.bring(project)
    command = f"COOP_RACK={operator.folder} XDG_STATE_HOME=/root/state {sys.executable} {toys.__file__} plain"
    done = subprocess.run([*rooster.inside(), "sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rooster: [gateway] file /etc/one" in done.stdout
    assert rooster.run("cat /etc/one") == "1"
    assert operator.swarm.hosts["chick1"].run("cat /etc/toy7") == "7 it's ✓\n"
    assert sessions(operator, "rooster") == 0
