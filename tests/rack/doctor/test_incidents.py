"""Incidents of real racks, made again on the lab's rack: the doctor names each, and typing what it says heals it."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest
import yaml

INCIDENTS = yaml.safe_load((Path(__file__).parent / "incidents.yaml").read_text())
LOOKS = 50
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
    times = []
    for _ in range(LOOKS):
        found, seconds = looked()
        assert not found
        times.append(seconds)
    print(f"{LOOKS} looks at a healthy rack: {min(times):.1f} to {max(times):.1f} s")


@pytest.mark.parametrize("words", [["cluster.bootstrap"], ["hub.upgrade"], ["node.reboot", "chick1"]], ids=" ".join)
def test_what_is_found_while_work_goes_on_is_told_with_the_task(words, looked, operator):
    """What a task interrupts does not work at that moment, such as a hub that is replaced or a machine that reboots; the doctor says
    that the task runs, and rack.watch waits for its end."""
    healthy(looked, 120)
    run = operator.start("inv", *words, "--yes")
    seen: list[dict] = []
    while run.poll() is None:
        seen.append(looked()[0])
    assert run.wait() == 0, run.communicate()[0]
    alone = [found for found in seen[:-1] if found and ("task_runs", "rooster") not in found]  # the last look may be of after its end
    assert not alone, yaml.safe_dump(alone, sort_keys=False)
    assert not [key for found in seen for key in found if key[0] == "step_unverified"]
    assert words[0] == "cluster.bootstrap" or any(seen), "nobody saw the task"
    healthy(looked, 120)


PAIRS = [(one, next(other for other in INCIDENTS if other["incident"] == one["beside"])) for one in INCIDENTS if "beside" in one]


def happens(incident, lab, inside) -> None:
    if incident["script"] == "power off":
        lab.off(incident["machine"])
    else:
        inside(incident["machine"], incident["script"])


def ends(incident, found, types, lab) -> None:
    """What the doctor says is typed; or the machine is switched on."""
    if incident.get("by_itself"):
        lab.on(incident["machine"])
        return
    for line in incident.get("types") or found["fix"].split("; "):
        types(line)


def key_of(incident) -> tuple[str, str]:
    return incident["rule"], incident.get("where", incident["machine"])


def test_each_is_in_a_pair():
    assert {one["incident"] for pair in PAIRS for one in pair} == {one["incident"] for one in INCIDENTS}


@pytest.mark.parametrize("incidents", [*((one,) for one in INCIDENTS), *PAIRS],
                         ids=lambda incidents: " - ".join(incident["incident"] for incident in incidents))
def test_incidents_are_named_and_what_is_typed_heals_them(incidents, looked, types, inside, lab):
    healthy(looked)
    for incident in incidents:
        happens(incident, lab, inside)
    slowest, last = 0.0, {}

    def named():
        nonlocal slowest, last
        last, seconds = looked()
        slowest = max(slowest, seconds)
        return all(key_of(incident) in last for incident in incidents)

    try:
        until("each is found", named, 90)
    except AssertionError:
        raise AssertionError(yaml.safe_dump([*last.values()], sort_keys=False)) from None
    for incident in incidents:
        found = last[key_of(incident)]
        print(f"{incident['incident']}: {slowest:.1f} s, {found['harm']}, so: {[one['rule'] for one in found['follows']]}")
        ends(incident, found, types, lab)
    healthy(looked, 300)


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
