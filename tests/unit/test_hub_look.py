"""How a hub is looked at on the gateway: the real program, with a kubectl that answers, or does not."""

from __future__ import annotations

import time

import pytest

from fabfile.facts.hub import parse
from fabfile.facts.look import Look
from fabfile.programs import shell
from fabfile.rules.examine import examine
from tests.unit.sandbox import a_sandbox
from tests.unit.small_rack import small_rack

KUBECTL = r"""#!/bin/sh
case "$*" in
*'--raw /livez'*) [ ! -e /tmp/no-cluster ] ;;
*'get pods'*) printf 'hub-1 chick1 Running ready \nproxy-1 chick2 Running ready \n' ;;
*'get nodes'*) for n in 0 1 2; do echo "chick$n True 2026-11-28T10:00:00Z KubeletReady"; done ;;
*'get leases'*) cat /tmp/leases ;;
*'get pvc'*) printf pv-1 ;;
*'get pv '*) printf chick1 ;;
*exec*) sleep 5; echo '{"from": "repository", "wanted": "a", "commit": "a"}' ;;
esac
"""
HELM = """#!/bin/sh
echo '[{"name": "hub", "revision": "3", "status": "deployed", "chart": "hub-1", "updated": "2026-11-28 10:00:00"}]'
"""


def looked(renewed: str, api: str, more: str = ":"):
    """The hub's state, and how long that took."""
    with a_sandbox() as sandbox:
        sandbox.write("/tmp/fakes/kubectl", KUBECTL)
        sandbox.write("/tmp/fakes/helm", HELM)
        leases = "".join(f"{name} 2026-11-28T16:{at}.123456Z\n" for name, at in (
            ("chick0", "00:40"), ("chick1", renewed), ("chick2", "00:38")))
        sandbox.write("/tmp/leases", leases)
        script = shell("hub", kubeconfig="/k", namespace="hub", release="hub", claim="hub-db-dir", pages="/p",
                       others=":", api=api)
        began = time.monotonic()
        _, said = sandbox.run(f"chmod +x /tmp/fakes/*; PATH=/tmp/fakes:$PATH; {more}; set +e\n{script}")
        return parse("hub", said), time.monotonic() - began


def wrong_with(state):
    """What hub.status finds."""
    return examine(Look(small_rack(), 0.0, hubs={"hub": state}))


ANSWER = """echo '{"version": "5.5.4", "users": 2, "servers": []}'"""


@pytest.mark.parametrize("api", [ANSWER, f"sleep 1; {ANSWER}"], ids=["at once", "after a while"])
def test_a_hub_that_answers_is_well(api):
    state, _ = looked("00:36", api)
    assert not wrong_with(state) and state.api["users"] == 2 and state.pages["commit"] == "a"


def test_a_hub_on_a_silent_machine_is_not_waited_for():
    state, seconds = looked("00:02", f"sleep 50; {ANSWER}")
    assert seconds < 20 and [node.name for node in state.blocked] == ["chick1"] and state.blocked[0].home


def test_a_cluster_that_is_silent_is_reported_beside_a_hub_that_is_not():
    state, _ = looked("00:36", ANSWER, "touch /tmp/no-cluster")
    assert state.api["users"] == 2 and [finding.where for finding in wrong_with(state)] == ["cluster"]
