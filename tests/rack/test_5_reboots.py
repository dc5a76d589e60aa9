"""Machines reboot, one by one and all at once; everything comes back untouched."""

import pytest
from conftest import wait_until

MACHINES = ("rooster", "chick0", "chick1", "chick2")
MEMBERS = {"chick0", "chick1", "chick2"}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_reboots(machine, bootstrapped, operator, inside, nodes, lab):
    starts = lab.status()[machine].starts
    inside(machine, "systemctl reboot", check=False)
    wait_until(f"{machine} has begun again", lambda: lab.status()[machine].starts > starts)
    lab.wait([machine])
    wait_until("every node is Ready", lambda: nodes() == MEMBERS, limit=300)
    if machine != "rooster":
        assert not inside(machine, "swapon --show --noheadings")


def test_the_whole_rack_loses_power(bootstrapped, operator, nodes, lab):
    for machine in MACHINES:
        lab.off(machine)
    for machine in MACHINES:
        lab.on(machine)
    wait_until("every node is Ready", lambda: nodes() == MEMBERS, limit=300)


def test_nothing_differs_afterwards(bootstrapped, operator):
    # the cluster's own admission webhooks are pods: what they guard can be compared once they are up
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    again = operator.bootstrap()
    assert (again["changes"], again["exit_code"]) == (0, 0)
