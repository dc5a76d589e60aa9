"""Machines come and go: chick11 joins, leaves, comes again, and leaves once more switched off."""

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


def test_the_whole_rack_is_as_its_files_say(operator, lab):
    assert operator.bootstrap("--dry")["changes"] == 0


def test_a_node_is_removed_and_added_again(operator, nodes):
    operator.inv("node.remove", "chick11", "--yes")
    assert "chick11" not in nodes()
    operator.inv("node.add", "chick11")
    assert "chick11" in nodes()


def test_a_machine_that_is_off_can_be_removed(operator, nodes, inside, lab, kind):
    lab.off("chick11")
    operator.inv("node.remove", "chick11", "--dead", "--yes")
    listed = inside(kind.first, "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    assert "chick11" not in listed
    lab.on("chick11")


def test_a_node_is_rebooted(operator, nodes, lab, kind):
    starts = lab.status()[kind.other].starts
    operator.inv("node.reboot", kind.other, "--yes")
    assert lab.status()[kind.other].starts == starts + 1
    wait_until(f"{kind.other} is Ready", lambda: kind.other in nodes())
