"""A cluster whose certificates last for minutes: all of them run out while the control plane has no power. One command heals it."""

from __future__ import annotations

import time

import pytest
from conftest import wait_until

MINUTES = 12
SHORT = f"""
kubeadm:
  ClusterConfiguration:
    certificateValidityPeriod: {MINUTES}m
    controllerManager: {{extraArgs: [{{name: cluster-signing-duration, value: {MINUTES}m}}]}}
"""
KUBELETS = "/var/lib/kubelet/pki/kubelet-client-current.pem"
ENDS = "for each in {}; do date +%s -d \"$(openssl x509 -noout -enddate -in $each | cut -d = -f 2)\"; done"


@pytest.fixture(scope="module")
def run_out(lab, operator, inside):
    """All have run out: chick1 ran meanwhile, the others had no power. The settings are the usual ones again."""
    lab.reset()
    file = lab.rack / "configs/cluster.yaml"
    text = file.read_text()
    file.write_text(text.replace("\nkubeadm:\n", SHORT))
    operator.inv("cluster.bootstrap")
    ends = [inside(name, ENDS.format(f"{KUBELETS} $(find /etc/kubernetes/pki -name '*.crt' ! -name '*ca.crt' 2>/dev/null)"))
            for name in ("chick0", "chick2")]
    for name in ("chick0", "chick2"):
        lab.off(name)
    ends.append(inside("chick1", ENDS.format(KUBELETS)))
    last = max(int(one) for one in " ".join(ends).split())
    assert last < time.time() + 60 * MINUTES + 60, "they last longer than they should"
    time.sleep(max(0.0, last - time.time() + 5))
    for name in ("chick0", "chick2"):
        lab.on(name)
    file.write_text(text)


def test_the_doctor_names_it(run_out, operator):
    typed = operator.inv("doctor", "--json", code=3)
    found = {(one["rule"], one["where"]): one for one in typed.data["findings"]}
    print(f"named after {typed.seconds:.1f} s: {sorted(found)}")
    assert typed.seconds < 10
    assert "inv cluster.certs --renew" in found["certificate_expired", "chick0"]["fix"]
    assert {where for rule, where in found if rule == "kubelet_certificate_expired"} <= {"chick0", "chick1", "chick2"}


def test_one_command_heals_it(run_out, operator, nodes, inside):
    began = time.monotonic()
    operator.inv("cluster.certs", "--renew", "--yes")
    wait_until("every node is Ready", lambda: nodes() == {"chick0", "chick1", "chick2"})
    print(f"every node is Ready {time.monotonic() - began:.0f} s later")
    assert " Ready " in inside("rooster", "kubectl --kubeconfig /home/spicy/.kube/config get nodes --no-headers")
    operator.bootstrap("--yes")
    assert operator.bootstrap("--yes")["changes"] == 0
    operator.inv("hub.prove")
    wait_until("the doctor is silent", lambda: operator.inv("doctor", code=None).code == 0, 300)
