"""rooster's way out for organisations, with packets: its own rules in a network of namespaces, and BIRD where this computer has it.

The sandbox is rooster; a node with pods of two organisations and of nobody's is behind it, the world is before it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from shlex import quote

import pytest

from fabfile.resources import Nftables
from fabfile.roles.pod_routes import bird_config, nodes_tell_their_pods
from tests.unit.sandbox import a_sandbox
from tests.unit.test_organisations import BIOLOGY, COMMON, PHYSICS, given, made

NETWORKS = """\
set -e
ip netns add node; ip netns add world
ip link add enp3s0 type veth peer name eth0 netns node; ip link add enp2s0 type veth peer name eth0 netns world
ip addr add 10.0.0.1/24 dev enp3s0; ip addr add 128.120.136.26/24 dev enp2s0
ip addr add 128.120.136.71/32 dev enp2s0; ip addr add 128.120.136.72/32 dev enp2s0
for link in lo enp2s0 enp3s0; do ip link set $link up; done
sysctl -qw net.ipv4.ip_forward=1
ip route add default via 128.120.136.1
ip -n node link set lo up; ip -n node link set eth0 up
ip -n node addr add 10.0.0.101/24 dev eth0; ip -n node route add default via 10.0.0.1
for pod in 10.245.0.5 10.245.4.5 10.244.1.5; do ip -n node addr add $pod/32 dev lo; done
ip -n world link set lo up; ip -n world link set eth0 up
ip -n world addr add 128.120.136.1/24 dev eth0
for site in 203.0.113.80 198.51.100.9 192.168.50.1; do ip -n world addr add $site/32 dev lo; done
"""
ECHO = """\
import socket, sys, threading
def serve(port):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        caller, address = listener.accept()
        caller.sendall(address[0].encode())
        caller.close()
for port in map(int, sys.argv[1:]):
    threading.Thread(target=serve, args=(port,)).start()
"""
CALL = """\
import socket, sys
source, address, port = sys.argv[1:]
try:
    with socket.create_connection((address, int(port)), timeout=1.5, source_address=(source, 0)) as call:
        print(call.recv(99).decode(), end="")
except OSError as error:
    print(type(error).__name__, end="")
"""
STUDENT, PHYSICIST, NOBODYS, NODE = "10.245.0.5", "10.245.4.5", "10.244.1.5", "10.0.0.101"


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    return made(tmp_path_factory.mktemp("rack"), COMMON + BIOLOGY + PHYSICS)


@pytest.fixture(scope="module")
def rooster(rack):
    with a_sandbox() as sandbox:
        if sandbox.run("command -v nft && nft list ruleset")[0] or sandbox.run(NETWORKS)[0]:
            pytest.skip("no nft, or no namespaces, on this computer")
        sandbox.make(Nftables(next(one.ruleset for one in given(rack).values() if isinstance(one, Nftables))))
        for place, ports in (("", "22 80"), ("ip netns exec world ", "443")):
            sandbox.run(f"{place}python3 -c {quote(ECHO)} {ports} >/dev/null 2>&1 &")
        yield sandbox


@pytest.fixture(scope="module")
def routed(rooster):
    """rooster knows where the pods are."""
    rooster.run("ip route add 10.245.0.0/26 via 10.0.0.101; ip route add 10.245.4.0/26 via 10.0.0.101; sleep 0.5")
    return rooster


def seen(sandbox, source: str, address: str, port: int = 443) -> str:
    """From where the one at this address is called, as it says; or why it is not reached."""
    return sandbox.run(f"ip netns exec node python3 -c {quote(CALL)} {source} {address} {port}")[1]


def test_names_and_ranges_of_any_kind_are_loaded(tmp_path):
    """A name that a chain of rooster's has too, one with a hyphen and a digit first; everything, and a part of it."""
    lines = [f"  {name}: {{addresses: [10.0.1.{64 + 8 * at}/29], pods: 10.245.{at}.0/24, public: 128.120.136.{71 + at}, reach: {reach}}}"
             for at, (name, reach) in enumerate([("inside", "[0.0.0.0/0, 203.0.113.0/24]"), ("9-a", "[]")])]
    rack = made(tmp_path, "\n".join(["organisations:", *lines]))
    rules = next(one.ruleset for one in given(rack).values() if isinstance(one, Nftables))
    assert rules.count("chain from_inside {") == 1
    with a_sandbox() as sandbox:
        sandbox.make(Nftables(rules))


@pytest.mark.parametrize("source, public", [(STUDENT, "128.120.136.71"), (PHYSICIST, "128.120.136.72"), (NODE, "128.120.136.26")])
def test_each_leaves_with_its_own_public_address(routed, source, public):
    assert seen(routed, source, "203.0.113.80") == public


@pytest.mark.parametrize("source, address, reached", [
    (STUDENT, "198.51.100.9", True), (PHYSICIST, "198.51.100.9", False),  # `reach` of physics names another network
    (STUDENT, "192.168.50.1", False), (NODE, "192.168.50.1", True)])
def test_beyond_rooster_each_reaches_what_it_may(routed, source, address, reached):
    assert (seen(routed, source, address) != "TimeoutError") == reached


def test_of_rooster_its_pods_reach_what_is_published_alone(routed):
    assert seen(routed, STUDENT, "128.120.136.72", 80) == STUDENT
    assert seen(routed, STUDENT, "10.0.0.1", 22) == "TimeoutError"
    assert seen(routed, NODE, "10.0.0.1", 22) == NODE


def test_nobody_comes_in_from_outside(routed):
    routed.run("ip -n world route add 10.245.0.0/16 via 128.120.136.26")
    call = f"ip netns exec world python3 -c {quote(CALL)} 203.0.113.80 {STUDENT} 443"
    routed.run(f"ip netns exec node python3 -c {quote(ECHO)} 443 >/dev/null 2>&1 & sleep 0.5")
    assert routed.run(call)[1] == "TimeoutError"


# as Calico's BIRD is: it announces the blocks of all pods on its node, and would take what it is told
SPEAKER = """\
router id 10.0.0.101;
protocol device { }
protocol static { ipv4; route 10.245.0.0/26 blackhole; route 10.245.4.0/26 blackhole; route 10.244.1.0/26 blackhole; }
protocol bgp Global_10_0_0_1 {
	local 10.0.0.101 as 64512; neighbor 10.0.0.1 as 64512; direct;
	ipv4 { import all; export all; next hop self; };
}
"""


@pytest.mark.skipif(not shutil.which("bird"), reason="no BIRD on this computer")
def test_rooster_learns_the_pods_of_organisations_and_tells_nobody_anything(rooster, rack):
    rooster.run("ip route del 10.245.0.0/26; ip route del 10.245.4.0/26; mkdir -p /run/bird")
    rooster.write("/run/bird.conf", bird_config(rack))
    rooster.write("/run/node.conf", SPEAKER)
    code, said = rooster.run("bird -p -c /run/bird.conf && bird -c /run/bird.conf -s /run/bird/bird.ctl -P /run/rooster.pid")
    assert code == 0, said
    rooster.run("ip netns exec node bird -c /run/node.conf -s /run/node.ctl -P /run/node.pid")
    routes = ""
    for _ in range(60):
        if routes := rooster.run("ip -4 route show proto bird; sleep 0.5")[1]:
            break
    assert sorted(line.partition(" metric")[0].strip() for line in routes.strip().splitlines()) == [
        "10.245.0.0/26 via 10.0.0.101 dev enp3s0", "10.245.4.0/26 via 10.0.0.101 dev enp3s0"]
    assert "0 imported" in rooster.run("birdc -s /run/node.ctl show protocols all Global_10_0_0_1")[1]
    assert seen(rooster, STUDENT, "203.0.113.80") == "128.120.136.71"
    only = replace(rack, missing=frozenset(rack.machines) - {"chick1"})
    [check] = nodes_tell_their_pods(only, (rack.leader,))
    assert rooster.run(check.script) == (0, "")
    [check] = nodes_tell_their_pods(rack, (rack.leader,))
    assert rooster.run(check.script) == (1, "chick0 has no BGP session with rooster\n")
    rooster.run("kill $(cat /run/rooster.pid); sleep 1")
    assert rooster.run("ip -4 route show proto bird")[1] == ""


SAID = """\
BIRD 2.17.1 ready.
Name       Proto      Table      State  Since         Info
kernel1    Kernel     master4    up     23:17:35.747
node_chick1 BGP        ---        up     23:17:35.747  Established
  BGP state:          Established
    Neighbor address: 10.0.0.101
node_chick2 BGP        ---        start  23:17:35.747  Active        Socket: Connection refused
  BGP state:          Active
    Neighbor address: 10.0.0.102
"""


@pytest.mark.parametrize("away, said", [
    (("chick2",), ""), ((), "chick2 has no BGP session with rooster\n"), (("chick1", "chick2"), "")])
def test_a_node_without_a_session_is_named_and_one_that_is_missing_is_not(rack, tmp_path, away, said):
    (tmp_path / "birdc").write_text(f"#!/bin/sh\ncat <<'X'\n{SAID}X\n")
    (tmp_path / "birdc").chmod(0o755)
    here = {"chick1", "chick2"} - {*away}
    [check] = nodes_tell_their_pods(replace(rack, missing=frozenset(rack.machines) - here), (rack.leader,))
    done = subprocess.run(["dash", "-c", check.script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.stdout + done.stderr, done.returncode) == (said, 1 if said else 0)
