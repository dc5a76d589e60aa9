"""What applies Kubernetes objects is run for real, with a server that is not ready to take them yet."""

from __future__ import annotations

import pytest

from fabfile.resources import KubernetesObjects
from tests.unit.sandbox import a_sandbox

HOOK = 'Error from server (InternalError): failed calling webhook "pools.metallb.io": connection refused'
CUT_OFF = ('Error from server (Forbidden): admission webhook "pools.metallb.io" denied the request: Get '
           '"https://10.96.0.1:443/apis/metallb.io": dial tcp 10.96.0.1:443: connect: connection refused')
KIND = 'error: resource mapping not found for name: "rack": no matches for kind "IPAddressPool"'
FAKES = """
mkdir -p /tmp/fakes; cd /tmp/fakes
cat >kubectl <<'FAKE'
#!/bin/sh
case "$*" in
*' wait '*) echo 'condition met' ;;
*' get nodes '*) cat /tmp/fakes/away 2>/dev/null ;;
*' apply '*) read -r said </tmp/fakes/answers || said=; sed -i 1d /tmp/fakes/answers
  echo "${said:-serverside-applied}"; [ -z "$said" ] ;;
esac
FAKE
cat >sleep <<'FAKE'
#!/bin/sh
exec /bin/sleep 0.01
FAKE
chmod +x kubectl sleep
"""


@pytest.mark.parametrize("answers, code, said", [
    ([], 0, ["serverside-applied"]),
    ([HOOK, HOOK], 0, [HOOK, HOOK, "serverside-applied"]),
    ([CUT_OFF], 0, [CUT_OFF, "serverside-applied"]),
    ([KIND], 0, [KIND, "condition met", "serverside-applied"]),
    ([KIND, HOOK], 0, [KIND, "condition met", HOOK, "serverside-applied"]),
    ([KIND, KIND], 1, [KIND, "condition met", KIND]),
    (["error: no such file"], 1, ["error: no such file"]),
], ids=["at once", "a webhook whose pod comes back", "a webhook that cannot ask the API server", "a kind of the same set",
        "one after the other",
        "a kind that never comes", "a real fault"])
def test_a_server_that_is_not_ready_yet_is_waited_for(answers, code, said):
    change, = KubernetesObjects("pools", "/etc/coop/manifests/pools").changes("absent\n", frozenset())
    with a_sandbox() as machine:
        machine.run(FAKES + "".join(f"echo '{line}' >>answers\n" for line in answers) + ": >>answers\n")
        assert machine.run(f"PATH=/tmp/fakes:$PATH; set -e\n{change.commands[0].script}") == (
            code, "".join(f"{line}\n" for line in said))


def test_a_webhook_whose_pod_may_stand_on_a_node_that_is_away_is_reported_soon_with_what_moves_it():
    change, = KubernetesObjects("pools", "/etc/coop/manifests/pools").changes("absent\n", frozenset())
    script = change.commands[0].script.replace("+ 20)", "+ 0)")
    with a_sandbox() as machine:
        machine.run(FAKES + "printf 'chick2 ' >away; " + f"echo '{HOOK}' >>answers\n" * 1000)
        code, said = machine.run(f"PATH=/tmp/fakes:$PATH; set -e\n{script}")
    assert code == 1 and "chick2 is not Ready" in said and "inv node.remove chick2 --dead" in said
