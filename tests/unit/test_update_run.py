"""Updates of nodes on simulated machines: only those that have some are drained, one after the other, and rebooted where
it is needed; an update that was killed goes on."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import simulated

from fabfile.engine.errors import Crashed, Rejected
from fabfile.engine.run import run
from fabfile.facts.rebooting import Turn
from fabfile.facts.updates import Update, Updates, parse
from fabfile.loading import load
from fabfile.tasks.steps import reboot_steps
from fabfile.tasks.updating import gateway_update_steps, node_update_steps
from tests.unit.small_rack import all_control_planes

BASE = Path(__file__).parents[1] / "cases/rack/base"
LIBC = "libc6 [2.41-12] (2.41-12+deb13u1 Debian-Security:13/stable-security [amd64])"
CURL = "curl [8.14.1-2] (8.14.1-2+deb13u1 Debian:13.2/stable [amd64])"


def test_the_answer_of_a_machine():
    answer = f"the kernel is old\n== updates\n{LIBC}\n{CURL}\n" \
        "linux-image-6.12.48 (6.12.48-1 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])\n"
    updates = parse(answer)
    assert updates == Updates((Update("libc6", "2.41-12", "2.41-12+deb13u1", True),
                               Update("curl", "8.14.1-2", "8.14.1-2+deb13u1", False),
                               Update("linux-image-6.12.48", "", "6.12.48-1", True)), reboot=("the kernel is old",))
    assert set(updates.wanted(security=True)) == {"libc6", "linux-image-6.12.48"} and len(updates.wanted(security=False)) == 3
    assert parse("== updates\nfailed E: no network\n") == Updates(failed="E: no network")
    assert parse("").failed == "no answer"


@dataclass
class Computer:
    """A machine with updates. `boots` counts its starts."""

    updates: list[str]
    pending: bool = False
    unbuilt: bool = False
    boots: int = 0
    cordoned: bool = False
    notes: set[str] = field(default_factory=set)


class Flock:
    """All of them. `acts` is what was done."""

    at_once = 1

    def __init__(self, rack, updates, pod_owner="ReplicaSet"):
        self.rack, self.pod_owner, self.acts, self.kill = rack, pod_owner, [], None
        self.members = "".join(f"member started {one.name}\n" for one in rack.control_planes)
        self.computers = {name: Computer(list(updates.get(name, ()))) for name in rack.machines}

    def ways(self):
        return simulated.Ways({name: partial(self.asked, name) for name in self.computers})

    def asked(self, name, verb, text):
        mine = self.computers[name]
        if found := re.search(r"(?<!get )(?<!\.)\b(uncordon|cordon|drain) (\w+)|(with-new-pkgs upgrade\n|only-upgrade install)|"
                              r"(^systemctl reboot)", text if verb == "act" or text.endswith("systemctl reboot") else ""):
            if self.kill is not None and len(self.acts) >= self.kill:
                raise RuntimeError("killed")
            self.acts.append(f"{found[1]} {found[2]}" if found[1] else f"{'reboot' if found[4] else 'update'} {name}")
            if found[1] in ("cordon", "uncordon"):
                self.computers[found[2]].cordoned = found[1] == "cordon"
            elif found[4]:
                mine.boots, mine.pending = mine.boots + 1, False
            elif found[3]:
                mine.pending, mine.updates = any(line.startswith("libc6") for line in mine.updates), []
            assert sum(one.cordoned for one in self.computers.values()) <= self.at_once
            return 0, ""
        if "/var/lib/coop/unverified/" in text:
            note = re.findall(r"unverified/([\w ]+)", text)[-1]
            if verb == "probe":
                return 0, "pending\n" * (note in mine.notes)
            (mine.notes.discard if "rm -f" in text else mine.notes.add)(note)
            return 0, ""
        return 0, self._fact(mine, text)

    def _fact(self, mine, text):
        reasons = "programs that everything uses were updated\n" * mine.pending + "unbuilt the module zfs is not built\n" * mine.unbuilt
        if "== updates" in text:
            return f"{reasons}== updates\n" + "".join(f"{line}\n" for line in mine.updates)
        if "answer configured" in text:
            nodes = "".join(f"{one.name}|True|v1.36.4|containerd://2.3.4|\n" for one in self.rack.chicks)
            return (f"#configured\nkubernetesVersion: v1.36.4\n#nodes\n{nodes}#calico\n#pods\nchick2|hub|jupyter-ada|"
                    f"{self.pod_owner}|Running|ada\n#budgets\n#releases\n#drains\n")
        if "echo stranger" in text:
            return f"kubelet 1.36.4-1.1\ndisk / 50\n{self.members}"
        if text.startswith("for pair in"):
            return "".join(f"{line.split()[0]}\n" for line in mine.updates if f"{line.split()[0]}=" in text)
        if "run/reboot-required" in text:
            return reasons
        if "UserspaceTimestamp" in text:
            return f"start {mine.boots}\n"
        if found := re.search(r"get node (\w+) --ignore-not-found -o 'jsonpath=\{.metadata.name\}", text):
            ours = "*yes) echo ours" in text
            return ("ours\n" if self.computers[found[1]].cordoned else "") if ours else "open\n"
        if "jsonpath=node" in text:
            return "node \nhub web ReplicaSet/x Running\n"
        return ""


@pytest.fixture
def rack(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = shutil.copytree(BASE, tmp_path / "rack")
    text = (folder / "hosts.yaml").read_text()
    (folder / "hosts.yaml").write_text(text[:text.index("  chick3:")])
    return load(folder)


def update(rack, flock, **options):
    words = {"at_once": 1, "security": False, "force": False, "wait": 0} | options
    steps = node_update_steps(rack, rack.chicks, **words)
    return run(rack, "node.update", steps, ways=flock.ways(), consent=lambda entries: True)


def a_turn(name: str, reboots: bool) -> list[str]:
    return [f"cordon {name}", f"drain {name}", f"update {name}", *([f"reboot {name}"] * reboots), f"uncordon {name}"]


def test_only_nodes_with_updates_are_drained_and_only_some_are_rebooted(rack):
    flock = Flock(rack, {"chick0": [LIBC, CURL], "chick2": [CURL]})
    result = update(rack, flock)
    assert not result.errors, str(result.errors[0])
    assert result.exit_code == 0 and flock.acts == a_turn("chick0", True) + a_turn("chick2", False)
    again = update(rack, flock)
    assert (again.exit_code, again.changes) == (0, 0)


def test_control_planes_are_updated_no_more_at_a_time_than_etcd_can_do_without(rack):
    rack = all_control_planes(rack)
    flock = Flock(rack, {"chick0": [CURL], "chick1": [CURL], "chick2": [CURL]})
    flock.at_once = 2
    result = update(rack, flock, at_once=2)
    assert result.exit_code == 2 and isinstance(result.errors[0], Rejected) and flock.acts == []
    assert "etcd has 3 members: chick0, chick1 must not be rebooted together" in str(result.errors[0])
    assert update(rack, flock).exit_code == 0 and len(flock.acts) == 12
    flock = Flock(rack, {"chick0": [CURL], "chick2": [CURL]})  # in batches of their own
    flock.at_once = 2
    assert update(rack, flock, at_once=2).exit_code == 0 and len(flock.acts) == 8


def test_only_security_updates(rack):
    flock = Flock(rack, {"chick1": [LIBC], "chick2": [CURL]})
    assert update(rack, flock, security=True).exit_code == 0
    assert flock.acts == a_turn("chick1", True)


def test_an_update_that_is_killed_at_any_command_goes_on(rack):
    whole = a_turn("chick1", True) + a_turn("chick2", True)
    for number in range(len(whole)):
        flock = Flock(rack, {"chick1": [LIBC], "chick2": [LIBC]})
        flock.kill = number
        assert any(isinstance(error, Crashed) for error in update(rack, flock).errors)
        flock.kill = None
        second = update(rack, flock)
        assert not second.errors, (number, str(second.errors[0]))
        assert {name: one.boots for name, one in flock.computers.items() if one.boots} == {"chick1": 1, "chick2": 1}
        assert not any(one.cordoned or one.updates or one.pending or one.notes for one in flock.computers.values()), number


def test_users_servers_are_in_the_way_unless_it_is_said_otherwise(rack):
    flock = Flock(rack, {"chick2": [CURL]}, pod_owner="")
    result = update(rack, flock)
    assert result.exit_code == 2 and isinstance(result.errors[0], Rejected) and flock.acts == []
    assert "ada's server (hub/jupyter-ada)" in str(result.errors[0])
    assert update(rack, flock, force=True).exit_code == 0 and flock.acts == a_turn("chick2", False)


def test_a_kernel_without_its_modules_is_not_booted_at_the_second_run_either(rack):
    flock = Flock(rack, {})
    flock.computers["chick1"].pending = flock.computers["chick1"].unbuilt = True
    result = update(rack, flock)
    assert result.exit_code == 2 and isinstance(result.errors[0], Rejected) and flock.acts == []
    assert "chick1 must not be rebooted: the module zfs is not built" in str(result.errors[0])
    flock = Flock(rack, {"chick1": [LIBC]})  # what is updated does not build it
    flock.computers["chick1"].pending = flock.computers["chick1"].unbuilt = True
    assert update(rack, flock).exit_code == 1 and "reboot chick1" not in flock.acts


KUBELET = "kubelet [1.36.4-1.1] (1.36.5-1.1 v1.36 [amd64])"
KUBECTL = KUBELET.replace("kubelet", "kubectl")


def test_what_is_not_on_hold_any_more_stops_the_update(rack):
    flock = Flock(rack, {"chick1": [CURL], "chick2": [CURL, KUBECTL, KUBELET]})
    result = update(rack, flock)
    assert result.exit_code == 2 and isinstance(result.errors[0], Rejected) and flock.acts == []
    assert "kubectl, kubelet are not on hold on chick2, so would be moved: inv cluster.bootstrap --limit chick2" in str(result.errors[0])
    assert "chick1" not in str(result.errors[0])
    assert update(rack, flock, security=True).exit_code == 0, "it would not be moved"
    flock = Flock(rack, {"rooster": [KUBECTL]})
    result = run(rack, "gateway.update", gateway_update_steps(rack, security=False), ways=flock.ways(), consent=lambda entries: True)
    assert "kubectl is not on hold on rooster" in str(result.errors[0]) and flock.acts == []


@pytest.mark.parametrize("made", [
    lambda rack: node_update_steps(rack, rack.chicks, at_once=1, security=False, force=False, wait=0),
    lambda rack: reboot_steps(rack, [Turn(one.name, "start 0", "", False) for one in rack.chicks], {}, False, 1),
], ids=["updates", "reboots"])
def test_the_next_waits_until_a_control_planes_api_server_and_etcd_are_well(rack, made):
    for step in made(rack):
        if step.verify and step.name.startswith(("update", "reboot")):
            (machine,) = step.machines
            ready = [check for check in step.verify(rack, step.machines) if check.what == f"the API server of {machine.name} is ready"]
            assert [check.machine for check in ready] == [machine.name] * (machine in rack.control_planes)


def test_rooster_is_updated_and_not_rebooted(rack):
    flock = Flock(rack, {"rooster": [CURL]})
    result = run(rack, "gateway.update", gateway_update_steps(rack, security=False), dry=True, ways=flock.ways())
    (entry,) = result.plan
    assert result.exit_code == 3 and entry.change.undo and "services of rooster restart" in entry.change.interrupts
    assert "resolves the rack" in entry.change.commands[0].script and not entry.change.reboots
