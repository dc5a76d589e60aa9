"""A rack whose rooster keeps what its machines fetch: what comes over its outer line, and a node that is added while that is cut."""

import subprocess
from contextlib import contextmanager

import pytest
import yaml

RECEIVED = "cat /sys/class/net/enp2s0/statistics/rx_bytes"
INSIDE = "http://10.0.0.1:8081/"  # a page that is there without the line


@contextmanager
def cut(lab):
    """The internet hears nothing of rooster but its answers to operators."""
    def nft(rules: str) -> None:
        subprocess.run([*lab.in_network("internet"), "nft", "-f", "-"], input=rules, text=True, check=True)

    address = lab.machines["rooster"].address
    nft(f"table ip cut {{ chain heard {{ type filter hook prerouting priority raw; ip saddr {address} tcp sport != 22 drop; "
        f"ip saddr {address} meta l4proto != tcp drop; }}; }}")
    try:
        yield
    finally:
        nft("delete table ip cut")


@pytest.fixture(scope="module")
def received(lab, operator, inside):
    """received({…}): bytes that come to rooster from outside while empty machines become a cluster, with this in network.yaml."""
    file = lab.rack / "configs/network.yaml"
    network = yaml.safe_load(file.read_text())

    def bootstrap(**settings: object) -> int:
        lab.reset()
        file.write_text(yaml.safe_dump(network | settings))
        before = int(inside("rooster", RECEIVED))
        operator.inv("cluster.bootstrap", "--yes")
        return int(inside("rooster", RECEIVED)) - before
    yield bootstrap
    file.write_text(yaml.safe_dump(network))


@pytest.fixture(scope="module")
def cached(received, inside):
    """How much came without a cache, and then with one, which is there now."""
    return received(), received(cache={}, internet_check=INSIDE)


def test_what_three_machines_need_comes_once(cached):
    without, once = cached
    print(f"over rooster's outer line: {without / 1e6:.0f} MB without a cache, {once / 1e6:.0f} MB with one")
    assert once < 0.6 * without


def test_a_node_is_added_while_the_line_is_cut(cached, lab, operator, inside, nodes):
    assert lab.add_spare() == "chick11"
    with cut(lab):
        assert inside("rooster", "curl -sS --max-time 5 https://pkgs.k8s.io/ 2>&1 || echo cut").split()[-1] == "cut"
        operator.inv("node.add", "chick11")
        assert "chick11" in nodes()
