"""Incidents of real racks, made again on the lab's rack: the doctor names each, and typing what it says heals it."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest
import yaml

INCIDENTS = yaml.safe_load((Path(__file__).parent / "incidents.yaml").read_text())
KUBECTL = "KUBECONFIG=/home/spicy/.kube/config "


@pytest.fixture(scope="module")
def looked(operator, bootstrapped):
    """What the doctor finds: rule and where → the finding; and how long it looked."""
    def look() -> tuple[dict, float]:
        typed = operator.inv("doctor", "--json", code=None)
        assert typed.code in (0, 3), typed.said
        return {(one["rule"], one["where"]): one for one in typed.data["findings"]}, typed.seconds
    return look


@pytest.fixture(scope="module")
def types(operator, lab, inside):
    """Types a command as the doctor prints it, where it says: kubectl on rooster, everything else at the operator's."""
    def typed(line: str) -> None:
        if line.startswith("kubectl "):
            inside("rooster", KUBECTL + line)
            return
        words = shlex.split(line)
        if words[:2] == ["inv", "cluster.bootstrap"] and "--yes" not in words:
            words.append("--yes")  # nobody is at the terminal
        operator.types(*words, code=None)
    return typed


def until(what: str, true, limit: float):
    end = time.monotonic() + limit
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, f"after {limit:.0f} s: {what}"
        time.sleep(2)


def healthy(looked, limit: float = 240.0) -> None:
    last: dict = {}

    def silent() -> bool:
        nonlocal last
        last, _ = looked()
        return not last
    try:
        until("the doctor is silent", silent, limit)
    except AssertionError:
        raise AssertionError(yaml.safe_dump([*last.values()], sort_keys=False)) from None


def test_a_healthy_rack_has_no_findings(looked):
    healthy(looked, 120)
    for _ in range(3):
        found, seconds = looked()
        assert not found
        print(f"a look at a healthy rack: {seconds:.1f} s")


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident["incident"])
def test_an_incident_is_named_and_what_is_typed_heals_it(incident, looked, types, inside, lab):
    healthy(looked)
    machine, key = incident["machine"], (incident["rule"], incident.get("where", incident["machine"]))
    if incident["script"] == "power off":
        lab.off(machine)
    else:
        inside(machine, incident["script"])
    slowest = 0.0

    def named():
        nonlocal slowest
        found, seconds = looked()
        slowest = max(slowest, seconds)
        return found.get(key)

    found = until(f"{key} is found", named, 90)
    print(f"{incident['incident']}: {slowest:.1f} s, {found['harm']}, so: {[one['rule'] for one in found['follows']]}")
    if incident.get("by_itself"):
        lab.on(machine)
    for line in () if incident.get("by_itself") else incident.get("types") or found["fix"].split("; "):
        types(line)
    healthy(looked, 300)


def test_two_at_once_are_two_causes(looked, types, inside):
    healthy(looked)
    inside("chick1", "systemctl stop kubelet")
    inside("rooster", "systemctl stop nginx")
    both = {("kubelet_not_running", "chick1"), ("nginx_not_running", "rooster")}
    until("both are found", lambda: both <= set(looked()[0]), 60)
    found, _ = looked()
    for key in both:
        types(found[key]["fix"])
    healthy(looked)


def test_a_look_changes_nothing(looked, inside, lab):
    """Files, units and objects are as before."""
    def state() -> list[str]:
        files = "find /etc /home /usr/local /var/lib/coop -xdev -type f -printf '%T@ %p\\n' | sort"
        objects = "kubectl --kubeconfig /etc/kubernetes/admin.conf get all,configmaps,secrets -A -o name"
        return [inside(name, files) for name in ("rooster", "chick0", "chick1")] + [inside("chick0", objects)]
    healthy(looked)
    before = state()
    looked()
    assert state() == before
