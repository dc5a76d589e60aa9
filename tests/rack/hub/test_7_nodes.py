"""Nodes that are sick, go, and come back."""

from __future__ import annotations

import re
import time

from tests.rack.conftest import wait_until
from tests.rack.hub.conftest import ADDRESS, KUBECTL


def test_a_sick_node_stops_an_upgrade_early_or_is_left_out(hub_yaml, operator, inside):
    hub_yaml("capacity: 1Gi", "capacity: 3Gi")
    inside("rooster", f"{KUBECTL} cordon chick2")
    try:
        began = time.monotonic()
        assert "chick2 is cordoned" in operator.inv("hub.upgrade", code=1).said
        assert time.monotonic() - began < 30
        assert operator.inv("hub.upgrade", "--leave-out", "chick2", "--json").data["changes"] == 1
    finally:
        inside("rooster", f"{KUBECTL} uncordon chick2")


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
    wait_until("the hub is well",
               lambda: not operator.types("sh", "-c", "inv hub.status || test $? = 3").said.count("silent"),
               240)


def test_the_whole_is_still_exact(hub, operator):
    operator.inv("hub.upgrade")
    assert operator.bootstrap()["changes"] == 0
