"""Work that goes from one machine to the next is cut short, by Ctrl-C or by a kill: the next run goes on with the right one.

What had been done is not done again, what had not is, and no node is left withdrawn.
"""

from __future__ import annotations

import signal
import time
from itertools import pairwise

import pytest
from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
CHICKS = ("chick0", "chick1", "chick2")
HOW = {"interrupted": signal.SIGINT, "killed": signal.SIGKILL}
# A pod that does not end when it is told to, for as long as it may; Kubernetes starts another elsewhere.
STUBBORN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: stubborn, namespace: default}
spec:
  selector: {matchLabels: {app: stubborn}}
  template:
    metadata: {labels: {app: stubborn}}
    spec:
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [chick2]}]}
      terminationGracePeriodSeconds: 20
      containers: [{name: sleep, image: "docker.io/library/busybox:1.37", command: [sleep, "3600"]}]
"""


@pytest.fixture(params=HOW)
def cut(request):
    """cut(run): ends an operator's process the one way or the other; what it said."""
    def end(run) -> str:
        run.send_signal(HOW[request.param])
        said, _ = run.communicate(timeout=30)
        assert run.returncode == {"interrupted": 130, "killed": -signal.SIGKILL}[request.param], said
        return said
    return end


@pytest.fixture
def open_nodes(inside):
    """Whether every node takes pods, and none bears a mark of a procedure."""
    def ask() -> bool:
        said = inside("chick0", f"{KUBECTL} get nodes -o jsonpath='{{range .items[*]}}{{.spec.unschedulable}}"
                      "{.metadata.annotations}{end}'")
        return "true" not in said.replace('":"true"', "") and "reboot" not in said
    return ask


@pytest.fixture
def containerds(inside):
    """Since when containerd runs on each chick."""
    return lambda: {name: inside(name, "systemctl show -P ExecMainStartTimestampMonotonic containerd").strip() for name in CHICKS}


@pytest.fixture
def another_setting(bootstrapped, lab, operator):
    """containerd is to have another setting, which wants a restart of each."""
    file = lab.rack / "configs/cluster.yaml"
    text = file.read_text()
    old = "\ncontainerd:\n"
    assert text.count(old) == 1
    file.write_text(text.replace(old, f"{old}  debug: {{level: warn}}\n"))
    yield
    file.write_text(text)
    operator.inv("cluster.bootstrap", "--yes")


def test_containerd_is_restarted_on_one_chick_after_the_other(bootstrapped, operator, containerds, another_setting, cut):
    before = containerds()
    run = operator.start("inv", "cluster.bootstrap", "--yes")
    wait_until("the first containerd is new", lambda: containerds() != before, limit=60)
    said = cut(run)
    middle = containerds()
    new = {name for name in CHICKS if middle[name] != before[name]}
    assert 1 <= len(new) < len(CHICKS), said
    wait_until("what was running has ended", lambda: containerds() == middle, limit=10)
    operator.inv("cluster.bootstrap", "--yes")
    after = containerds()
    assert {name for name in CHICKS if after[name] != middle[name]} == set(CHICKS) - new
    assert_one_by_one(operator, set(CHICKS) - new)
    assert operator.bootstrap("--dry")["changes"] == 0


def assert_one_by_one(operator, machines: set[str]) -> None:
    """In the last run's journal a machine's restart is followed by a check that held, before the next one's."""
    order = [record["machine"] if record["event"] == "ran" else "held"
             for record in operator.inv("run.show", "last", "--json").data
             if record["event"] == "held" or (record["event"] == "ran" and record["machine"] in machines
                                              and "restart containerd" in record["command"])]
    while order and order[0] == "held":
        order.pop(0)
    restarts = [number for number, what in enumerate(order) if what != "held"]
    assert {order[number] for number in restarts} == machines
    for one, following in pairwise(restarts):
        assert order[one] == order[following] or "held" in order[one:following], order


@pytest.fixture
def starts(lab):
    return lambda: {name: lab.status()[name].starts for name in CHICKS}


@pytest.mark.parametrize("at", ["chick1", "chick2"])
def test_a_reboot_of_several_goes_on_with_those_that_were_not(at, bootstrapped, operator, inside, lab, starts, open_nodes, cut):
    """Cut short while the first, or the second of two is away."""
    before = starts()
    run = operator.start("inv", "node.reboot", "chick1,chick2", "--yes")
    wait_until(f"{at} reboots", lambda: starts()[at] > before[at], limit=240)
    cut(run)
    middle = starts()
    assert middle["chick1"] == before["chick1"] + 1 and middle["chick2"] == before["chick2"] + (at == "chick2")
    lab.wait(["chick1", "chick2"])
    operator.inv("node.reboot", "chick1,chick2", "--yes")
    assert starts() == {name: count + (name != "chick0") for name, count in before.items()}
    wait_until("every node is open again", open_nodes, limit=60)
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=300)
    assert operator.bootstrap("--dry")["changes"] == 0


@pytest.fixture
def stubborn(inside):
    """A pod on chick2 that takes 20 s to end."""
    inside("chick0", f"{KUBECTL} apply -f - <<'END'\n{STUBBORN}\nEND")
    ready = f"{KUBECTL} get pods -l app=stubborn -o jsonpath='{{.items[*].spec.nodeName}} {{.items[*].status.phase}}'"
    wait_until("the stubborn pod runs", lambda: "chick2 Running" in inside("chick0", ready), limit=120)
    yield
    inside("chick0", f"{KUBECTL} delete deployment stubborn --wait=false")


def test_a_leave_goes_on_after_its_drain(bootstrapped, operator, inside, nodes, stubborn, cut):
    run = operator.start("inv", "node.remove", "chick2", "--yes")
    terminating = f"{KUBECTL} get pods -l app=stubborn -o jsonpath='{{.items[*].metadata.deletionTimestamp}}'"
    wait_until("the drain is running", lambda: inside("chick0", terminating), limit=60)
    cut(run)
    assert "chick2" in inside("chick0", f"{KUBECTL} get nodes -o name")
    began = time.monotonic()
    operator.inv("node.remove", "chick2", "--yes")
    assert time.monotonic() - began < 180
    assert "chick2" not in inside("chick0", f"{KUBECTL} get nodes -o name")
    cordoned = inside("chick0", f"{KUBECTL} get nodes -o jsonpath='{{.items[*].spec.unschedulable}}'")
    assert not cordoned.strip()
    operator.inv("node.add", "chick2", "--yes")
    assert nodes() == set(CHICKS)
    assert operator.bootstrap("--dry")["changes"] == 0
