"""A machine has no power: every task says so in time, does what does not need it, and brings it in when it is back.

Where every machine was up, one loses its power here; on the other racks one never had any (racks.py). What is looked
at is what the machines that are up have afterwards; what is said has to name the missing one, once.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from conftest import wait_until
from racks import expect_off

SOON = 15.0  # seconds after which each task has told what it cannot do
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
# with the machine that has no power, the first that has some, and another one → what is typed; and how it may end
ASKED: dict[str, Callable[[str, str, str], tuple[str, set[int]]]] = {
    "status of the cluster": lambda off, first, other: ("cluster.status", {0, 1, 3}),
    "a dry bootstrap": lambda off, first, other: ("cluster.bootstrap --dry", {0, 1, 3}),
    "a dry bootstrap of another machine": lambda off, first, other: (f"cluster.bootstrap --dry --limit {other}", {0}),
    "its status": lambda off, first, other: (f"node.status {off}", {1, 2}),
    "another machine's status": lambda off, first, other: (f"node.status {other}", {0}),
    "to add it": lambda off, first, other: (f"node.add {off} --dry", {1, 2}),
    "to remove it": lambda off, first, other: (f"node.remove {off} --dry", {0, 1, 3}),
    "to remove it as dead": lambda off, first, other: (f"node.remove {off} --dead --dry", {0, 3}),
    "to reboot it": lambda off, first, other: (f"node.reboot {off} --dry", {1, 2}),
    "to reboot another machine": lambda off, first, other: (f"node.reboot {other} --dry", {3}),
    "to upgrade the hub": lambda off, first, other: ("hub.upgrade --dry", {0, 1, 3}),
    "status of the hub": lambda off, first, other: ("hub.status", {0, 1, 3}),
    "its users": lambda off, first, other: ("hub.user.list", {0, 1}),
    "leases": lambda off, first, other: ("gateway.leases", {0}),
    "a dry run of the gateway": lambda off, first, other: ("gateway.apply --dry", {0}),
    "former runs": lambda off, first, other: ("run.list", {0}),
    "its own shell": lambda off, first, other: (f"fab -H {off} -- uptime", {1, 2}),
}
CASES = SAMPLE = tuple(ASKED)


def in_time(typed) -> bool:
    """Within SOON; on a computer that has more to do than it has processors, its machines are slower in proportion."""
    return typed.seconds <= SOON * max(1.0, os.getloadavg()[0] / (2 * os.cpu_count()))


@pytest.fixture(scope="module")
def missing(bootstrapped, lab, kind):
    """The name of a machine without power; it has some again afterwards."""
    name = kind.off or "chick2"
    if not kind.off:
        lab.off(name)
    yield name
    if lab.status()[name].pid is None:
        lab.on(name)


@pytest.fixture(scope="module")
def done(kind, missing):
    """How a run ends that did all it could."""
    return kind.done if kind.off else 1


@pytest.fixture
def members(kind, missing):
    """The chicks that have power."""
    return tuple(name for name in ("chick0", "chick1", "chick2") if name != missing)


def test_each_task_says_in_time_what_it_cannot_do(case, operator, missing, members):
    words, codes = ASKED[case](missing, members[0], members[1])
    typed = operator.types(*(words.split() if words.startswith("fab") else ["inv", *words.split()]), code=None, limit=90)
    assert typed.code in codes, typed.said
    assert in_time(typed), f"{words} took {typed.seconds:.1f} s: {typed.said}"
    assert not any(bad in typed.said for bad in ("Traceback", "bug in Coop", "No idea what")), typed.said
    if typed.code == 1 or case in ("status of the cluster", "a dry bootstrap"):
        assert missing in typed.said, typed.said


def test_the_missing_machine_is_reported_once(operator, missing, kind):
    """In a run's result there is one error about it and no other, or none where it is meant to be off."""
    typed = operator.inv("cluster.bootstrap", "--dry", "--json", code=None)
    result = typed.data
    assert in_time(typed), typed.seconds
    about = [error for error in result["errors"] if missing in str(error)]
    assert len(about) == len(result["errors"]) == (0 if kind.expected else 1), result["errors"]
    assert result["machines"][missing]["state"] == ("off" if kind.expected else "failed")


def test_a_limit_limits_the_verification_too(operator, inside, missing, members):
    other = members[1]
    inside(other, "rm /etc/crictl.yaml")
    typed = operator.inv("cluster.bootstrap", "--limit", other)
    assert in_time(typed), typed.said
    assert missing not in typed.said
    assert "runtime-endpoint" in inside(other, "cat /etc/crictl.yaml")
    events = operator.inv("run.show", "last", "--json").data
    assert {record["step"] for record in events if record["event"] == "held"} == {"prepare"}


@pytest.fixture
def another_log_level(lab):
    """cluster.yaml asks for something else of the pod network."""
    file = lab.rack / "configs/cluster.yaml"
    text = file.read_text()
    assert "\ncalico:" not in text
    file.write_text(text + "\ncalico:\n  FelixConfiguration: {logSeverityScreen: Warning}\n")
    yield
    file.write_text(text)


def test_what_does_not_need_it_is_done(operator, inside, missing, members, done, another_log_level):
    """A change of the pod network, and changes of steps before and after it, in one run; then nothing is left."""
    first, other = members
    wait_until("the cluster has noticed", lambda: " NotReady" in inside(first, f"{KUBECTL} get nodes --no-headers")
               or missing not in inside(first, f"{KUBECTL} get nodes --no-headers"))
    inside(other, "rm /etc/crictl.yaml")
    inside("rooster", "rm /home/spicy/.kube/config; echo '# mine' >>/etc/nginx/nginx.conf")
    before = operator.bootstrap("--dry", code=None)["plan"]
    assert {"file /etc/crictl.yaml", "Kubernetes objects pod-network"} <= {change["resource"] for change in before}, before
    result = operator.bootstrap("--yes", code=done)
    assert "runtime-endpoint" in inside(other, "cat /etc/crictl.yaml")
    level = f"{KUBECTL} get felixconfigurations.crd.projectcalico.org default -o jsonpath='{{.spec.logSeverityScreen}}'"
    assert inside(first, level) == "Warning"
    assert "server:" in inside("rooster", "cat /home/spicy/.kube/config")
    assert "# mine" not in inside("rooster", "cat /etc/nginx/nginx.conf")
    assert not result["remaining"] and all(missing in str(error) for error in result["errors"]), result["errors"]
    assert operator.bootstrap(code=done)["changes"] == 0


def test_a_machine_that_is_meant_to_be_off_is_left_out(operator, lab, missing, done):
    """In one line, beside its row in the table; and the run ends well."""
    operator.bootstrap("--yes", code=done)  # what the test before has asked for is put back
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    if "expect: off" not in text:
        hosts.write_text(expect_off(text, missing))
    try:
        typed = operator.inv("cluster.bootstrap")
        assert in_time(typed), typed.said
        status = operator.inv("cluster.status", code=None)
    finally:
        hosts.write_text(text)
    about = [line for line in typed.said.splitlines() if missing in line]
    assert len([line for line in about if " off " not in f"{line} "]) <= 1 <= len(about) <= 2, typed.said
    assert missing in status.said


def test_it_comes_in_when_it_has_power_again(operator, lab, missing, kind, nodes, inside):
    hosts = lab.rack / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("    expect: off\n", ""))
    lab.on(missing)
    if not kind.off:
        wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    result = operator.bootstrap("--yes", code=0)
    # where it is a control plane that was meant to be off, every chick's /etc/hosts names it again
    others = set(kind.members) if kind.expected else {kind.first}
    assert {name for name, each in result["machines"].items() if each["changes"]} <= {missing, "rooster"} | others
    assert bool(result["changes"]) == bool(kind.off)
    assert nodes() == {"chick0", "chick1", "chick2"}
    assert (operator.bootstrap(code=0))["changes"] == 0


def three_control_planes(kind):
    if kind.control_planes != 3:
        pytest.skip("this rack has one control plane")


@pytest.mark.parametrize("gone", ["chick1", "chick0"])
def test_any_control_plane_may_be_the_one_without_power(gone, kind, lab, operator, inside, nodes, etcd):
    """The first as well: status, a change, one machine more and one less, and the hub."""
    three_control_planes(kind)
    assert etcd("chick2") == nodes() == {"chick0", "chick1", "chick2"}
    lab.off(gone)
    stays = "chick1" if gone == "chick0" else "chick0"
    for words in ("cluster.status", "hub.status", "hub.upgrade --dry", f"node.remove {gone} --dead --dry"):
        typed = operator.inv(*words.split(), code=None, limit=90)
        assert in_time(typed), f"{words}: {typed.said}"
        assert "Traceback" not in typed.said
    assert gone in operator.inv("cluster.status", code=None).said
    inside(stays, "rm /etc/crictl.yaml")
    operator.inv("cluster.bootstrap", "--yes", code=1)
    assert "runtime-endpoint" in inside(stays, "cat /etc/crictl.yaml")
    lab.on(gone)
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    assert operator.bootstrap(code=0)["changes"] == 0


def test_the_first_control_plane_dies_and_a_new_one_takes_its_place(kind, lab, operator, inside, etcd, nodes):
    three_control_planes(kind)
    lab.off("chick0")
    wait_until("the cluster has noticed", lambda: " NotReady" in inside("chick1", f"{KUBECTL} get node chick0 --no-headers"))
    typed = operator.inv("node.remove", "chick0", "--dead", "--yes", limit=240)
    assert etcd("chick1") == {"chick1", "chick2"}, typed.said
    assert "chick0" not in inside("chick1", f"{KUBECTL} get nodes -o name")
    lab.reset(["chick0"])  # a new machine under the old name
    operator.bootstrap("--yes", code=0)
    assert etcd("chick1") == {"chick0", "chick1", "chick2"}
    assert "chick0" in inside("chick1", f"{KUBECTL} get nodes -o name")
    assert operator.bootstrap(code=0)["changes"] == 0
