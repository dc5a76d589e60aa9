"""Machines come and go: chick11 joins, leaves, comes again, and leaves again switched off."""

import pytest
from conftest import wait_until
from state import difference, state


@pytest.fixture(scope="module", autouse=True)
def hosts_put_back(lab):
    """chick11 is in hosts.yaml in this chapter alone."""
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    yield
    hosts.write_text(text)


def test_a_node_is_added_and_its_neighbours_are_left_alone(bootstrapped, operator, inside, nodes, lab, kind):
    neighbours = kind.members[1:]
    before = {machine: state(inside, machine) for machine in neighbours}
    assert lab.add_spare() == "chick11"
    operator.inv("node.add", "chick11")
    assert "chick11" in nodes()
    touched = {record["machine"] for record in operator.inv("run.show", "last", "--json").data
               if record["event"] == "changed"}
    assert touched <= {"chick11", "rooster", kind.first}
    for machine in neighbours:
        assert not difference(before[machine], state(inside, machine))


def kept_off(inside, kind) -> set[str]:
    """The control planes that take no pods."""
    shown = inside(kind.first, "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes "
                   "-o go-template='{{range .items}}{{.metadata.name}} {{.spec.taints}}{{\"\\n\"}}{{end}}'")
    return {line.split()[0] for line in shown.splitlines() if "node-role.kubernetes.io/control-plane" in line}


def test_the_whole_rack_is_as_its_files_say(operator, inside, kind):
    """Where chick11 is the first worker, the next bootstrap keeps pods off the control planes, and says so before."""
    plan = operator.bootstrap("--dry", code=None)["plan"]
    if not kind.workers:
        assert {change["step"] for change in plan} == {"nodes"}
        assert any("no new pods start there" in change["interrupts"] for change in plan)
        operator.inv("cluster.bootstrap", "--yes")
        assert kept_off(inside, kind) == set(kind.members)
        plan = operator.bootstrap("--dry")["plan"]
    assert plan == []


def test_a_node_is_removed_and_added_again(operator, nodes, inside, kind):
    operator.inv("node.remove", "chick11", "--yes")
    assert "chick11" not in nodes()
    if not kind.workers:
        assert kept_off(inside, kind) == set()  # somebody has to run its pods
    operator.inv("node.add", "chick11")
    assert "chick11" in nodes()


def test_a_machine_that_is_off_can_be_removed(operator, nodes, inside, lab, kind):
    lab.off("chick11")
    wait_until("chick11 is not Ready", lambda: "chick11" not in nodes())  # else its name is typed
    operator.inv("node.remove", "chick11", "--dead", "--yes")
    listed = inside(kind.first, "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    assert "chick11" not in listed
    lab.reset(["chick11"])  # with its old disk it would come back as a node


def test_a_node_is_rebooted(operator, nodes, lab, kind):
    starts = lab.status()[kind.other].starts
    operator.inv("node.reboot", kind.other, "--yes")
    assert lab.status()[kind.other].starts == starts + 1
    wait_until(f"{kind.other} is Ready", lambda: kind.other in nodes())
