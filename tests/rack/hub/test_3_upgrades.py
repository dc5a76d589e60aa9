"""Upgrades: of nothing, of something, of what breaks; and who works on meanwhile."""

from __future__ import annotations

import re
import time

import pytest
import yaml

from tests.rack.hub.conftest import KUBECTL


def test_an_upgrade_of_nothing_changes_nothing(hub, operator):
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 0
    assert operator.inv("hub.status").code == 0


@pytest.mark.parametrize(
    "old, new, told",
    [("    templateVars:", "    templateVar:",
      "values.hub.templateVar: unknown key (did you mean templateVars?)"),
     ("capacity: 1Gi", "capacity: 10", "values.singleuser.storage.capacity: a number found where a string"),
     ("  proxy:", "\tproxy:", "a tab is used for indentation"), ])
def test_a_bad_value_is_reported_before_anything_is_touched(hub_yaml, operator, inside, old, new, told):
    before = inside("rooster", f"{KUBECTL} get secrets -l owner=helm -o name")
    hub_yaml(old, new)
    said = operator.inv("hub.upgrade", code=2).said
    assert re.match(r"configs/hub.yaml:\d+: ", said) and told in said
    assert inside("rooster", f"{KUBECTL} get secrets -l owner=helm -o name") == before


@pytest.mark.parametrize(
    "old, new, why",
    [("    templateVars:", "    extraConfig: {zz: 'raise SystemExit(\"no such thing\")'}\n    templateVars:",
      "no such thing"),
     ("memory: {guarantee: 128M, limit: 1G}", "memory: {guarantee: 500G, limit: 500G}",
      "finds no node: 0/3 nodes are available"), ], ids=[
          "the hub does not start", "the hub starts, and no server ever does"
      ])
def test_what_breaks_the_hub_is_rolled_back(hub_yaml, operator, inside, server, page, old, new, why):
    uid = server()
    hub_yaml("publish:", "canary: {seconds: 60}\npublish:")
    hub_yaml(old, new)
    said = operator.inv("hub.upgrade", code=1).said
    assert why in said and "is back, and ready" in said
    assert server() == uid, "the student's server went with it"
    assert "Flock" in page("/hub/login")


def test_a_rollback_after_it_brings_what_was_verified_never_what_broke(hub_yaml, operator, server, page):
    uid = server()
    hub_yaml("    templateVars:", "    extraConfig: {zz: 'raise SystemExit(\"no such thing\")'}\n    templateVars:")
    assert "is back, and ready" in operator.inv("hub.upgrade", code=1).said
    assert "and verified" in operator.inv("hub.rollback").said
    assert operator.inv("hub.status").code == 0 and "Flock" in page("/hub/login")
    assert server() == uid, "the student's server went with it"


def test_a_hook_whose_pod_cannot_start_is_reported_and_ends_the_wait(hub_yaml, operator, page):
    """Its image has no such program: helm's own limit is ten minutes."""
    hub_yaml("  singleuser:\n", "  prePuller: {hook: {pullOnlyOnChanges: false, "
             "image: {name: docker.io/library/busybox, tag: \"1.37\"}}}\n  singleuser:\n")
    began = time.monotonic()
    said = operator.inv("hub.upgrade", code=1).said
    print(f"told after {time.monotonic() - began:.0f} s\n{said}")
    assert re.search(r"hook-image-awaiter-\S+ cannot start .*StartError", said) and time.monotonic() - began < 150
    assert "Flock" in page("/hub/login")


def test_a_student_works_on_through_an_upgrade(hub_yaml, operator, server):
    uid = server()
    hub_yaml("Notebooks on our own computers.", "Notebooks for every course.")
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 1
    assert server() == uid


def test_a_field_of_another_manager_is_shown_and_taken_over_when_asked(hub_yaml, operator, inside):
    operator.inv("hub.upgrade")
    inside("rooster", f"{KUBECTL} set resources deployment/proxy --requests=cpu=12m")
    assert "fields set by another field manager: kubectl-set has set" in operator.inv("hub.upgrade").said
    hub_yaml("capacity: 1Gi", "capacity: 2Gi")
    assert "kubectl-set has set" in operator.inv("hub.upgrade", code=1).said
    operator.inv("hub.upgrade", "--force-conflicts")
    assert "field manager" not in operator.inv("hub.status").said


def test_a_previous_revision_is_brought_back_by_hand(hub_yaml, operator, server):
    uid = server()
    hub_yaml("Notebooks on our own computers.", "Notebooks by mistake.")
    operator.inv("hub.upgrade")
    operator.inv("hub.rollback")
    assert server() == uid, "the student's server went with it"
    hub_yaml("Notebooks by mistake.", "Notebooks on our own computers.")
    assert "other values" in operator.inv("hub.upgrade", "--dry", code=3).said  # the files say more
    operator.inv("hub.upgrade")
    assert "JupyterHub is now running" in operator.inv("hub.logs", "--lines", "200").said


def test_a_running_hubs_secrets_are_taken_from_it_or_the_run_is_refused(hub, operator, inside):
    file = hub.rack / "configs/secrets.yaml"
    kept = file.rename(file.with_name("kept-secrets"))
    inside("rooster", "ip route add unreachable 10.0.0.100")
    try:
        assert "Restore a copy of the file" in operator.inv("hub.upgrade", code=1).said
        assert not file.exists()
        inside("rooster", "ip route del unreachable 10.0.0.100")
        assert operator.inv("hub.upgrade", "--json").data["changes"] == 0
        assert yaml.safe_load(file.read_text())["hub"] == yaml.safe_load(kept.read_text())["hub"]
    finally:
        inside("rooster", "ip route del unreachable 10.0.0.100 2>/dev/null || :")
        kept.replace(file)
