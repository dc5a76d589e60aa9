"""Three control planes: they join one after another, one may fail, and one may leave and come again."""

import pytest
from conftest import wait_until

MEMBERS = {"chick0", "chick1", "chick2"}
ETCDCTL = ("crictl exec $(crictl ps -q --name '^etcd$') etcdctl --endpoints 127.0.0.1:2379"
           " --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt"
           " --key /etc/kubernetes/pki/etcd/server.key")


@pytest.fixture(scope="module")
def three(lab, operator):
    """Empty machines, and a rack whose chicks are all control planes, bootstrapped."""
    lab.reset()
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    hosts.write_text(text.replace("roles: [worker]", "roles: [control-plane]"))
    yield operator.bootstrap()
    hosts.write_text(text)


@pytest.fixture
def etcd(inside):
    """The names of etcd's members, as chick0's says."""
    def ask() -> set[str]:
        return {line.split(", ")[2] for line in inside("chick0", f"{ETCDCTL} member list").splitlines()}
    return ask


def test_they_join_and_share_etcd(three, nodes, etcd):
    assert three["exit_code"] == 0
    assert nodes() == etcd() == MEMBERS


def test_one_without_power_takes_nothing_away(three, lab, inside, nodes, operator):
    lab.off("chick1")
    assert "chick2" in inside("chick2", "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    lab.on("chick1")
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    assert operator.bootstrap()["changes"] == 0


def test_one_leaves_and_comes_again(three, nodes, etcd, operator):
    operator.inv("node.remove", "chick2", "--yes")
    assert nodes() == etcd() == MEMBERS - {"chick2"}
    operator.inv("node.add", "chick2")
    assert nodes() == etcd() == MEMBERS
