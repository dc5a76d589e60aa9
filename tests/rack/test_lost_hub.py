"""The node with the hub's database on its disk is lost, and the hub goes on elsewhere by the lines of docs/availability.md."""

import json
import time

import pytest
from conftest import PROJECT, at_a_terminal, hub_answers, wait_until

from tests.pages import blocks

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
[LINES] = [block for _, where, block in blocks(PROJECT / "docs/availability.md") if "claim of a hub's database" in where]


@pytest.fixture(scope="module")
def moved(lab, operator, inside, nodes):
    """What was seen while the hub moved, with a user who is in the copy."""
    lab.reset()
    assert operator.bootstrap()["exit_code"] == 0
    wait_until("the hub answers", lambda: hub_answers(lab), limit=300)
    operator.inv("hub.user.add", "ada")
    operator.inv("rack.backup")
    lost = hub_node(inside)
    assert lost != "chick0", "a hub's pod is on a worker"
    began = time.time()
    lab.off(lost)
    wait_until(f"{lost} is not Ready", lambda: lost not in nodes(), limit=180)
    at_a_terminal(operator, "inv", "node.evict", lost, "--dead", typed=lost)
    print(lab.run("rooster", "runuser", "-l", "spicy", "-c", f"set -e\n{LINES}").stdout)
    wait_until("the hub answers again", lambda: hub_answers(lab), limit=300)
    away = time.time() - began
    yield lost, away
    lab.on(lost)


def hub_node(inside) -> str:
    return inside("chick0", f"{KUBECTL} -n hub get pods -l component=hub -o jsonpath='{{.items[0].spec.nodeName}}'")


def test_the_hub_is_elsewhere_with_its_users(moved, operator, inside):
    lost, away = moved
    print(json.dumps({"hub away, from the power cut": round(away), "was on": lost, "is on": hub_node(inside)}))
    assert hub_node(inside) != lost
    assert "ada" in operator.inv("hub.user.list").said
    operator.inv("hub.prove")


def test_the_lost_machine_comes_back_and_nothing_differs(moved, operator, lab, inside, nodes):
    lost, _ = moved
    now = hub_node(inside)
    lab.on(lost)
    wait_until(f"{lost} is Ready", lambda: lost in nodes(), limit=300)
    operator.inv("node.evict", lost, "--back")
    operator.bootstrap()
    assert operator.bootstrap()["changes"] == 0
    assert hub_node(inside) == now and "ada" in operator.inv("hub.user.list").said
