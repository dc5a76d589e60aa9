"""What machines and the cluster say of themselves becomes values: cases of answers as they were printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from fabfile.facts import cluster as cluster_state
from fabfile.facts import dhcp as dhcp_state
from fabfile.facts import machine as machine_state
from fabfile.facts.leader import choose
from fabfile.facts.leaving import Leaving
from fabfile.facts.look import Look
from fabfile.finding import healthy
from fabfile.resources.departure import Cordoned, Drained, NodeDeleted, Pod, Uncordoned, movable
from fabfile.resources.rebooted import Rebooted, RebootMarks
from fabfile.rules.examine import examine
from fabfile.screen import cluster as cluster_screen
from tests.unit.small_rack import with_chicks

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def node(name: str, ready: str = "True", **spec) -> dict:
    labels = {"node-role.kubernetes.io/control-plane": ""} if name == "chick0" else {}
    return {"metadata": {"name": name, "labels": labels},
            "spec": spec, "status": {
                "conditions": [{"type": "Ready", "status": ready, "message": "Kubelet stopped posting."}],
                "addresses": [{"type": "InternalIP", "address": f"10.0.0.10{name[-1]}"}],
                "nodeInfo": {"kubeletVersion": "v1.36.4", "containerRuntimeVersion": "containerd://2.3.4",
                             "osImage": "Debian GNU/Linux 13 (trixie)"}}}


def answer(nodes=(), pods="", sessions="", ready="ok", days=300) -> str:
    ends = (NOW + timedelta(days=days, minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    certificates = {"certificates": [{"name": "apiserver", "expirationDate": ends, "missing": False},
                                     {"name": "gone", "missing": True}]}
    return (f"#ready\n{ready}\n#nodes\n{json.dumps({'items': list(nodes)}, indent=4)}\n\n#pods\n{pods}\n"
            f"#sessions\n{sessions}\n#certificates\n{json.dumps(certificates)}\n")


HEALTHY = answer([node("chick0"), node("chick1")], "kube-system etcd-chick0 chick0 Running true, \n",
                 "chick0 1\nchick1 1")


def found_in(state, members, off=()):
    """What cluster.status finds, in a rack of these chicks."""
    return examine(Look(with_chicks(members, off), NOW.timestamp(), cluster=state))


def test_a_healthy_cluster_is_reported_so():
    state = cluster_state.parse(HEALTHY, NOW)
    assert found_in(state, ["chick0", "chick1"]) == [] and not state.pods and state.certificates == {"apiserver": 300}
    assert [(each.name, each.control_plane, each.sessions) for each in state.nodes] == \
        [("chick0", True, 1), ("chick1", False, 1)]


@pytest.mark.parametrize("said", [
    answer([node("chick0"), node("chick1", ready="Unknown")], "", "chick0 1\nchick1 1"),
    answer([node("chick0"), node("chick1", unschedulable=True)], "", "chick0 1\nchick1 1"),
    answer([node("chick0"), node("chick1")], "", "chick0 0\nchick1 0"),
    answer([node("chick0"), node("chick1")], "", "chick0 1"),
    answer([node("chick0")], "jhub hub-1 chick1 Running false, CrashLoopBackOff\n", "chick0 0"),
    answer([node("chick0")], "jhub hub-1  Pending  \n", "chick0 0"),
    answer([node("chick0")], "", "chick0 0", days=20),
    answer(ready=""),
    "",
], ids=["a node not Ready", "a node cordoned", "no mesh", "a node not asked", "a pod that crashes",
        "a pod that waits", "a certificate about to end", "no API server", "no answer at all"])
def test_an_unhealthy_cluster_is_reported_so(said):
    state = cluster_state.parse(said, NOW)
    found = found_in(state, [node.name for node in state.nodes])
    assert found and not healthy(found)
    assert json.loads(cluster_screen.as_json(state, found))["healthy"] is False
    assert all(len(line) <= 100 for line in cluster_screen.as_text(state, found).splitlines())


def test_a_machine_that_is_meant_to_be_off_is_reported_and_keeps_the_cluster_healthy():
    state = cluster_state.parse(answer([node("chick0"), node("chick1", ready="Unknown")], "x pod-1 chick1 Running false, \n",
                                       "chick0 0"), NOW)
    found = found_in(state, ["chick0", "chick1"], off={"chick1"})
    assert [each.what for each in found] == ["chick1 is off, as hosts.yaml expects"] and healthy(found)
    found = found_in(state, ["chick0", "chick1", "chick2"], off={"chick1", "chick2"})
    assert "chick2 is not in the cluster: it is off, as hosts.yaml expects" in [each.what for each in found] and healthy(found)


def test_pods_on_a_node_that_is_not_ready_are_reported_with_it_not_one_by_one():
    state = cluster_state.parse(answer([node("chick0"), node("chick1", ready="Unknown")],
                                       "x pod-1 chick1 Running false, \nx pod-2 chick1 Running false, \n", "chick0 0"), NOW)
    [found] = found_in(state, ["chick0", "chick1"])
    assert (found.what, [each.what for each in found.follows]) == ("chick1 is not Ready", ["2 pods are on chick1, which is not Ready"])


@pytest.mark.parametrize("pod", [
    "jhub job-1 chick0 Succeeded false, Completed ",
    "jhub hub-1 chick0 Failed false,  Terminated",
    "jhub hub-2 chick0 Failed   NodeShutdown",
], ids=["a job that is done", "one that its machine's shutdown ended", "one that it refused"])
def test_an_ended_pod_is_no_unhealthy_pod(pod):
    assert cluster_state.parse(answer([node("chick0")], f"{pod}\n", "chick0 0"), NOW).pods == ()


def test_an_evicted_pod_is_reported_with_the_reason():
    said = answer([node("chick0")], "jhub hub-1 chick0 Failed   Evicted\n", "chick0 0")
    assert [pod.state for pod in cluster_state.parse(said, NOW).pods] == ["Evicted"]


def test_leases_and_strangers():
    said = ("lease 1795492000 00:25:90:51:cf:1e 10.0.0.101 chick1 01:00:25:90:51:cf:1e\n"
            "1795466529.123456 rooster dnsmasq-dhcp[2553]: DHCPDISCOVER(enp3s0) de:ad:be:ef:00:01 ignored\n"
            "1795466535.000001 rooster dnsmasq-dhcp[2553]: DHCPDISCOVER(enp3s0) de:ad:be:ef:00:01 ignored\n")
    known, stranger = dhcp_state.parse(said, {"00:25:90:51:cf:1e": "chick1"})
    assert (known.name, known.address, known.known) == ("chick1", "10.0.0.101", True)
    assert (stranger.mac, stranger.known) == ("de:ad:be:ef:00:01", False)
    assert (stranger.asked, stranger.time) == (2, 1795466535)


CHICK = """name\tchick1
up\tMon 2026-11-23 19:00:00 UTC
system\tDebian GNU/Linux 13 (trixie), kernel 6.12
unit\tkubelet.service loaded active running enabled 0 @1795420800
failed\t
swap\t
disk\t/ 31
memory\t12
held\tcontainerd.io kubeadm kubelet
versions\tkubelet 1.36.4-1.1,
clock\tNormal
cert\t/var/lib/kubelet/pki/kubelet-client-current.pem 1824000000 0A
now\t1795464000
member\tyes
pods\t5
"""


def test_what_a_machine_said_is_shown():
    state = machine_state.parse("chick1", CHICK)
    shown = {row.what: row.value for row in machine_state.rows(state, frozenset({"kubectl", "kubelet"}))}
    assert shown["kubelet"] == "active" and shown["swap"] == "off" and shown["disk"] == "/ is 31 % full"
    assert shown["on hold"] == "not kubectl" and shown["certificates"] == "kubelet-client-current.pem expires first, in 330 days"
    assert machine_state.parse("chick1", "").units == {} and machine_state.rows(machine_state.parse("chick1", ""), frozenset())


PODS = ("jhub jupyter-ada / Running\njhub proxy-1 ReplicaSet/proxy Running\n"
        "kube-system calico DaemonSet/calico-node Running\nkube-system etcd Node/chick1 Running\n"
        "jhub job Job/job Succeeded\n")


def test_what_a_drain_moves():
    assert movable(PODS) == [Pod("jhub", "jupyter-ada", ""), Pod("jhub", "proxy-1", "ReplicaSet/proxy")]


@pytest.mark.parametrize("resource, facts, changes", [
    (Cordoned("chick1"), "open\n", 1),
    (Cordoned("chick1"), "", 0),
    (Uncordoned("chick1"), "ours\n", 1),
    (Uncordoned("chick1"), "unknown\n", 1),
    (Uncordoned("chick1"), "", 0),
    (RebootMarks(("chick1",), {"chick1": "17 Mon 20:00"}), "chick1=\nchick2=\n", 1),
    (RebootMarks(("chick1",), {"chick1": "17 Mon 20:00"}), "chick1=17 Mon 20:00\nchick2=\n", 0),
    (RebootMarks(("chick1",)), "chick1=17 Mon 20:00\n", 1),
    (RebootMarks(("chick1",)), "chick1=\nchick2=17 Mon 20:00\n", 0),
    (RebootMarks(("chick1",)), "", 1),
    (Drained("chick1"), "node \n" + PODS, 1),
    (Drained("chick1"), "node \n", 1),
    (Drained("chick1"), "node true\n", 0),
    (Drained("chick1"), "", 0),
    (NodeDeleted("chick1"), "node/chick1\n", 1),
    (NodeDeleted("chick1"), "", 0),
    (Rebooted("Mon 20:00", "chick1"), "Mon 20:00\n", 1),
    (Rebooted("Mon 20:00", "chick1"), "Mon 20:05\n", 0),
])
def test_leaving_resources(resource, facts, changes):
    assert len(list(resource.changes(facts, frozenset()))) == changes


@pytest.mark.parametrize("leaving, force, refused", [
    (Leaving("chick1", True, True, False, (Pod("jhub", "proxy-1", "ReplicaSet/proxy"),)), False, ""),
    (Leaving("chick1", True, True, False, (Pod("jhub", "jupyter-ada", ""),)), False, "jhub/jupyter-ada"),
    (Leaving("chick1", True, True, False, (Pod("jhub", "jupyter-ada", ""),)), True, ""),
    (Leaving("chick1", True, True, False, (), unreachable="no answer"), True, "--dead"),
    (Leaving("chick1", True, False, True, (Pod("jhub", "jupyter-ada", ""),), "no answer"), False, ""),
    (Leaving("chick0", True, True, False, (), holds_the_cluster=True), True, "the only control plane"),
])
def test_who_may_leave(leaving, force, refused):
    assert refused in leaving.refusal(force) if refused else leaving.refusal(force) == ""


@pytest.mark.parametrize("answers, leader", [
    ({"a": "member 200 manifests", "b": "member 200 manifests"}, "a"),
    ({"a": "member 200", "b": "member 200 manifests"}, "b"),  # a was recreated
    ({"a": "member 200", "b": "member 200"}, "a"),
    ({"a": "member 000 manifests", "b": "member 200"}, "b"),
    ({"a": "none", "b": "member 000"}, "b"),
    ({"b": "member 200"}, "b"),
    ({"a": "none", "b": "none"}, ""),
    ({}, ""),
])
def test_the_cluster_is_asked_through_the_first_that_is_ready_and_has_the_manifests(answers, leader):
    assert choose(["a", "b"], answers) == leader
