"""What must be refused is refused; what cuts the operator off is rolled back automatically."""

import os
import signal
import time

import pytest
from conftest import wait_until


def test_a_second_run_is_refused(bootstrapped, operator, inside, kind):
    first = operator.start("inv", "cluster.bootstrap")
    wait_until("the first run holds the lock", lambda: "cluster.bootstrap" in inside(
        "rooster", "flock -n /run/coop/lock true || cat /run/coop/lock.holder", check=False), limit=20)
    os.kill(first.pid, signal.SIGSTOP)  # it stays in the middle of its work
    try:
        said = operator.inv("gateway.apply", code=1).said
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert "running cluster.bootstrap" in said and "since 20" in said and " from " in said
    assert first.wait(timeout=120) == kind.done


@pytest.fixture
def another_host_key(inside, kind):
    """A chick shows a key that the rack does not know."""
    inside(kind.other, """cd /etc/ssh && mkdir -p /root/keys && cp -a ssh_host_* /root/keys/ && rm ssh_host_* &&
        ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh""")
    yield
    inside(kind.other, "cp -a /root/keys/ssh_host_* /etc/ssh/ && rm -r /root/keys && systemctl restart ssh")


def test_a_changed_host_key_is_refused(bootstrapped, another_host_key, operator, kind):
    by_inv = operator.inv("cluster.bootstrap", "--dry", code=1).said
    by_fab = operator.types("fab", "-H", kind.other, "--", "uptime", code=1).said
    for said in (by_inv, by_fab):
        assert kind.other in said and "host key" in said and "Traceback" not in said
    assert "load average" not in by_fab


def test_a_gateway_change_that_cuts_the_operator_off_goes_back(bootstrapped, operator, inside, lab):
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    # this operator's way in knows rooster by its previous address alone
    hosts.write_text(text.replace("address: 128.120.136.26/24", "address: 128.120.136.99/24").replace("%h", "128.120.136.26"))
    began = time.monotonic()
    try:
        said = operator.inv("gateway.apply", code=1, limit=240).said
    finally:
        hosts.write_text(text)
    assert time.monotonic() - began < 150
    assert "put the previous state back" in said
    assert "128.120.136.26/24" in inside("rooster", "ip -brief address show enp2s0")
    assert operator.bootstrap()["changes"] == 0


def test_wrong_files_touch_nothing(operator, lab):
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    hosts.write_text(text.replace("00:25:90:51:cf:1e", "aa:bb"))
    try:
        said = operator.inv("cluster.bootstrap", code=2).said
    finally:
        hosts.write_text(text)
    assert "hosts.yaml:" in said and "'aa:bb' is not a MAC address" in said and "Traceback" not in said


def test_another_version_than_the_clusters_is_refused(bootstrapped, operator, inside, lab, kind):
    versions = lab.rack / "configs/versions.yaml"
    text = versions.read_text()
    versions.write_text(text.replace("1.36.3", "1.36.4"))
    try:
        said = operator.inv("cluster.bootstrap", "--from", "prepare", code=2).said
    finally:
        versions.write_text(text)
    assert "the cluster runs v1.36.3, and configs/versions.yaml says v1.36.4" in said
    assert "v1.36.3" in inside(kind.other, "kubelet --version")
    assert operator.bootstrap()["changes"] == 0
    assert operator.bootstrap("--dry")["changes"] == 0
