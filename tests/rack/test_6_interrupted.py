"""The operator's process is killed, or the line cut, in the middle: the next run ends where an undisturbed one does."""

import re

import pytest
from conftest import wait_until
from state import difference, state

MACHINES = ("rooster", "chick0", "chick1", "chick2")
# a moment: on which machine, and what can be seen there just then
MOMENTS = {
    "in the middle of apt": ("chick1", "pgrep -x apt-get && pgrep -x dpkg"),
    "in the middle of a file": ("chick2", "pgrep -f /etc/containerd/config.toml || [ -e /etc/containerd/.coop-new.config.toml ]"
                                          " || [ -e /etc/containerd/config.toml ]"),
    "in the middle of kubeadm init": ("chick0", "pgrep -f 'kubeadm init'"),
    "in the middle of a join": ("chick1", "pgrep -f 'kubeadm join'"),
}
SERIALS = re.compile(r"^[-+] [0-9a-f]{64}  /etc/(?:kubernetes/kubeadm-\S+|resolv.conf.bak)$")


@pytest.fixture(scope="module")
def undisturbed(bootstrapped, inside):
    """The state that a run without faults gives."""
    return {machine: state(inside, machine) for machine in MACHINES}


@pytest.fixture(scope="module")
def disturbed(undisturbed, operator, inside, lab):
    """Empty machines, and one bootstrap that was killed at every moment above; then one that was let be."""
    lab.reset()
    missed = []
    for moment, (machine, seen) in MOMENTS.items():
        run = operator.start("inv", "cluster.bootstrap")
        while run.poll() is None and lab.run(machine, "sh", "-c", seen, check=False).returncode:
            pass
        if run.poll() is not None:
            missed.append(f"{moment}: {run.communicate()[0]}")
            break
        run.kill()
        run.communicate()
    return missed, operator.inv("cluster.bootstrap")


def test_every_moment_was_met(disturbed):
    assert not disturbed[0]


def test_the_last_run_succeeds(disturbed, nodes):
    assert "The plan made afterwards is empty." in disturbed[1].said
    assert nodes() == {"chick0", "chick1", "chick2"}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_state_is_that_of_an_undisturbed_run(machine, disturbed, undisturbed, inside):
    assert not difference(undisturbed[machine], state(inside, machine))


def test_a_cut_line_is_noticed_and_mended(disturbed, operator, inside, lab):
    inside("chick2", "rm /etc/crictl.yaml; dpkg --purge --force-depends ethtool")
    run = operator.start("inv", "cluster.bootstrap")
    wait_until("apt is running", lambda: not lab.run("chick2", "pgrep", "-x", "apt-get", check=False).returncode, limit=60)
    inside("chick2", "ip link set enp1s0 down")
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 1
    assert "chick2" in said and "nothing was received for 15 s" in said and "inv cluster.bootstrap" in said
    inside("chick2", "ip link set enp1s0 up && systemctl restart systemd-networkd")
    wait_until("chick2 is back", lambda: lab.is_ready("chick2"))
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=300)
    operator.inv("cluster.bootstrap")
    assert operator.bootstrap("--dry")["changes"] == 0
