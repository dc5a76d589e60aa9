"""Nodes that are sick, go, and come back."""

from __future__ import annotations

import re
import time

import pytest

from tests.rack.conftest import wait_until
from tests.rack.hub.conftest import ADDRESS, KUBECTL


@pytest.fixture
def with_hub(hub, inside) -> str:
    """The machine on whose disk the hub's database lies."""
    return inside("rooster", f"{KUBECTL} get pods -l component=hub -o jsonpath='{{.items[0].spec.nodeName}}'")


def test_an_unhealthy_node_stops_an_upgrade_early_or_is_left_out(hub_yaml, operator, inside, with_hub):
    hub_yaml("capacity: 1Gi", "capacity: 3Gi")
    other = next(iter({"chick1", "chick2"} - {with_hub}))
    inside(other, "systemctl stop kubelet")
    try:
        wait_until(f"{other} is not Ready", lambda: " NotReady" in inside("rooster", f"{KUBECTL} get node {other} --no-headers"), 120)
        began = time.monotonic()
        assert f"{other} is NotReady" in operator.inv("hub.upgrade", code=1).said
        assert time.monotonic() - began < 30
        assert operator.inv("hub.upgrade", "--leave-out", other, "--json").data["changes"] == 1
    finally:
        inside(other, "systemctl start kubelet")
        wait_until(f"{other} is Ready", lambda: " Ready" in inside("rooster", f"{KUBECTL} get node {other} --no-headers"), 120)


def test_a_cordoned_node_pulls_and_stops_nothing(hub_yaml, operator, inside, with_hub):
    """A DaemonSet's pods run there all the same."""
    hub_yaml("capacity: 1Gi", "capacity: 5Gi")
    other = next(iter({"chick1", "chick2"} - {with_hub}))
    inside("rooster", f"{KUBECTL} cordon {other}")
    try:
        assert operator.inv("hub.upgrade", "--json").data["changes"] == 1
    finally:
        inside("rooster", f"{KUBECTL} uncordon {other}")


def test_the_node_with_the_database_cannot_be_left_out(hub_yaml, operator, inside, with_hub, page):
    hub_yaml("capacity: 1Gi", "capacity: 4Gi")
    inside("rooster", f"{KUBECTL} cordon {with_hub}")
    try:
        said = operator.inv("hub.upgrade", "--leave-out", with_hub, code=1).said
        assert f"{with_hub} is cordoned, and the hub's database lies on it" in said
        assert "Flock" in page("/hub/login")
    finally:
        inside("rooster", f"{KUBECTL} uncordon {with_hub}")


@pytest.mark.parametrize("whose", ["the hub's", "another", "the control plane's"])
def test_a_node_is_switched_off_during_an_upgrade(hub, hub_yaml, operator, inside, nodes, with_hub, whose):
    """It holds or it is taken back, and ends long before its limits; with the node back, all is as before."""
    machine = {"the hub's": with_hub, "another": next(iter({"chick1", "chick2"} - {with_hub})),
               "the control plane's": "chick0"}[whose]
    hub_yaml("Notebooks on our own computers.", f"Notebooks while {machine} is off.")
    upgrade = operator.start("inv", "hub.upgrade")
    wait_until("helm is running", lambda: inside("rooster", "pgrep -f '[h]elm upgrade'", check=False), 60)
    began = time.monotonic()
    hub.off(machine)
    try:
        said, _ = upgrade.communicate(timeout=420)
        print(f"{machine} went: exit code {upgrade.returncode} after {time.monotonic() - began:.0f} s\n{said}")
        assert upgrade.returncode in (0, 1)
        assert whose == "another" or upgrade.returncode == 1
        told = (["the API server no longer answers", "10.0.0.100:6443"] if machine == "chick0" else
                [f"{machine} is no longer Ready"])
        assert upgrade.returncode == 0 or any(one in said for one in told)
    finally:
        upgrade.kill()
        hub.on(machine)
    wait_until("every node is Ready", lambda: len(nodes()) == 3, 180)
    operator.inv("hub.upgrade", limit=900)
    wait_until("the hub is well", lambda: operator.inv("hub.status", code=None).code == 0, 240)


def test_a_hub_whose_machine_lost_its_power_is_reported_in_seconds(hub, operator, nodes, with_hub):
    def timed(*words: str) -> tuple[int, str, float]:
        began = time.monotonic()
        typed = operator.inv(*words, code=None)
        return typed.code, typed.said, time.monotonic() - began

    hub.off(with_hub)
    try:
        began = time.monotonic()
        wait_until("its silence is noticed", lambda: f"{with_hub} is silent since" in timed("hub.status")[1], 60)
        print(f"noticed {time.monotonic() - began:.0f} s after the power went")
        for words, code in ((("hub.status",), 3), (("hub.prove",), 1), (("hub.restart",), 1), (("hub.rollback",), 1)):
            found, said, seconds = timed(*words)
            print(f"inv {words[0]}: {seconds:.1f} s\n{said}")
            assert found == code and seconds < 10
            assert f"{with_hub} is silent since" in said and "the hub's database is on its disk" in said
            assert f"inv node.evict {with_hub} --dead" in " ".join(said.split())
        assert not re.search(rf"^hub-\S+ +{with_hub} +ready", timed("hub.status")[1], re.MULTILINE)
    finally:
        hub.on(with_hub)
    wait_until(f"{with_hub} is Ready", lambda: with_hub in nodes(), 180)
    wait_until("the hub is well", lambda: operator.inv("hub.status", code=None).code == 0, 240)


def test_an_address_moves_to_another_node(hub, operator, inside, nodes):
    def answering() -> set[str]:
        said = inside("rooster", f"arping -b -c 1 -w 1 -I enp3s0 {ADDRESS}", check=False)
        return set(re.findall(r"([0-9A-F]{2}(?::[0-9A-F]{2}){5})", said.upper()))

    [mac] = answering()
    machine = {"00:25:90:51:CF:1E": "chick1", "00:25:90:51:CF:20": "chick2"}[mac]
    hub.off(machine)
    try:
        began = time.monotonic()
        wait_until("another node answers", lambda: answering() not in (set(), {mac}), 15)
        print(f"another node answers after {time.monotonic() - began:.1f} s")
    finally:
        hub.on(machine)
    wait_until(f"{machine} is Ready", lambda: machine in nodes(), 180)
    wait_until("the hub is well", lambda: operator.inv("hub.status", code=None).code == 0, 240)


def test_the_whole_is_still_exact(hub, operator):
    operator.inv("hub.upgrade")
    assert operator.bootstrap()["changes"] == 0
