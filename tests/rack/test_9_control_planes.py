"""Three control planes: they join one after another, one may fail, and one may leave and come again."""

import pytest
from conftest import wait_until

MEMBERS = {"chick0", "chick1", "chick2"}


@pytest.fixture(scope="module")
def three(lab, operator):
    """Empty machines, and a rack whose chicks are all control planes, bootstrapped."""
    lab.reset()
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    hosts.write_text(text.replace("roles: [worker]", "roles: [control-plane]"))
    yield operator.bootstrap()
    hosts.write_text(text)


def test_they_join_and_share_etcd(three, nodes, etcd):
    assert three["exit_code"] == 0
    assert nodes() == etcd("chick0") == MEMBERS


def test_one_without_power_takes_nothing_away(three, lab, inside, nodes, operator):
    lab.off("chick1")
    assert "chick2" in inside("chick2", "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    lab.on("chick1")
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    assert operator.bootstrap()["changes"] == 0


def test_one_leaves_and_comes_again(three, nodes, etcd, operator):
    operator.inv("node.remove", "chick2", "--yes")
    assert nodes() == etcd("chick0") == MEMBERS - {"chick2"}
    operator.inv("node.add", "chick2")
    assert nodes() == etcd("chick0") == MEMBERS
