"""An upgrade's script is run for real, with programs that answer as helm and kubectl would in bad moments."""

from __future__ import annotations

import pytest

from fabfile.resources import helm_scripts
from tests.unit.sandbox import Sandbox

FAKES = """
mkdir -p /tmp/fakes; cd /tmp/fakes
printf 'chick1\\nchick2\\n' >nodes; printf '3 deployed abc\\n' >history
cat >kubectl <<'FAKE'
#!/bin/sh
case "$*" in
*'get nodes'*) cat /tmp/fakes/nodes ;;
*'get secrets'*) cat /tmp/fakes/history ;;
*'rollout status'*) [ ! -e /tmp/fakes/waits ] ;;
*custom-columns=S*) echo 'hub Deployment hub' ;;
*custom-columns=N*) echo 'hub-5d9c chick1'; echo 'proxy-77aa chick2' ;;
esac
FAKE
cat >helm <<'FAKE'
#!/bin/sh
case $1 in upgrade) echo '4 pending-upgrade abd' >>/tmp/fakes/history; . /tmp/fakes/upgrade ;; esac
FAKE
cat >sleep <<'FAKE'
#!/bin/sh
exec /bin/sleep 0.01
FAKE
printf '#!/bin/sh\\nexit 1\\n' >pgrep
chmod +x kubectl helm sleep pgrep
"""


@pytest.fixture
def upgraded():
    """Runs an upgrade in which helm does what the text says; its exit code and what it said."""
    try:
        sandbox = Sandbox()
    except OSError:
        pytest.skip("a sandbox needs root")
    def run(what_helm_does: str, proof: str = "") -> tuple[int, str]:
        script = helm_scripts.upgrade("hub", "hub", "/chart.tgz", "{}\n", "", "/k", "abd", 600, proof, False)
        sandbox.run(FAKES + f"cat >upgrade <<'DOES'\n{what_helm_does}\nDOES")
        return sandbox.run(f"PATH=/tmp/fakes:$PATH\nset -e\n{script}")

    yield run
    sandbox.close()


def test_helm_that_ends_is_let_end(upgraded):
    code, said = upgraded("sleep 1; echo '4 deployed abd' >/tmp/fakes/history")
    assert (code, said) == (0, "4 deployed abd\n")


def test_a_node_that_goes_while_helm_waits_for_it_ends_the_wait(upgraded):
    code, said = upgraded("echo chick1 >/tmp/fakes/nodes; exec /bin/sleep 600")
    assert code == 1
    assert said.splitlines() == [
        "chick2 is not Ready any more, and helm waits for it",
        "the upgrade did not hold for the reason above: revision 3 is back, and ready"]


def test_a_node_that_goes_with_a_pod_ends_the_wait(upgraded):
    code, said = upgraded("echo chick2 >/tmp/fakes/nodes; touch /tmp/fakes/waits\n"
                          "echo '4 deployed abd' >>/tmp/fakes/history")
    assert code == 1 and "chick1 is not Ready any more, and Deployment hub waits for it" in said
    assert said.endswith("the upgrade did not hold, and revision 3 is not ready again either: see above\n")


def test_a_node_that_nobody_waits_for_may_go(upgraded):
    code, said = upgraded("echo chick1 >/tmp/fakes/nodes; echo '4 deployed abd' >/tmp/fakes/history")
    assert code == 0, said


def test_a_node_that_goes_is_named_whatever_else_broke(upgraded):
    code, said = upgraded("echo chick1 >/tmp/fakes/nodes; echo 'no such host'; exit 1")
    assert code == 1 and "no such host\nchick2 is not Ready any more: what stood there is missing\n" in said


def test_an_api_server_that_is_silent_ends_the_wait(upgraded):
    code, said = upgraded(": >/tmp/fakes/nodes; exec /bin/sleep 600")
    assert code == 1 and "the API server does not answer any more" in said


PROOF = """
[ -e /tmp/fakes/again ] && { echo 'ran a cell'; exit 0; }
touch /tmp/fakes/again; echo chick1 >/tmp/fakes/nodes; (/bin/sleep 600; echo late >/tmp/fakes/late) & wait
"""


def test_a_proof_whose_node_goes_begins_again(upgraded):
    code, said = upgraded("echo '4 deployed abd' >/tmp/fakes/history", PROOF)
    assert (code, said.splitlines()) == (0, [
        "its pods are ready, but: chick2 is not Ready any more: the proof begins again, on the nodes that are "
        "left",
        "ran a cell", "4 deployed abd"])


def test_a_proof_that_fails_brings_the_former_revision_back(upgraded):
    code, said = upgraded("echo '4 deployed abd' >>/tmp/fakes/history", "echo 'no server ever starts'; exit 1")
    assert (code, said.splitlines()) == (1, [
        "its pods are ready, but: no server ever starts",
        "the upgrade did not hold for the reason above: revision 3 is back, and ready"])
