"""What an upgrade of Kubernetes is refused for: cases are data, in tests/cases/upgrade. And what the answers of machines say."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fabfile.facts.upgrade_rules import RULES, Situation, refusals
from fabfile.facts.upgrading import Budget, ClusterSeen, MemberSeen, NodeSeen, PodSeen, parse_cluster, parse_member
from fabfile.tasks.situation import look
from fabfile.upstream.chart_versions import allows
from tests.unit.small_rack import small_rack

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/upgrade/refusals.yaml").read_text())
COMPONENTS = dict.fromkeys(("kube-apiserver", "kube-controller-manager", "kube-scheduler"), "1.36.3")
MEMBERS = {
    "chick0": MemberSeen("chick0", "1.36.3", disks={"/": 50}, manifests=("etcd.yaml", *(f"{name}.yaml" for name in COMPONENTS)),
                         components=COMPONENTS, etcd_members=(("started", "chick0"),)),
    "chick1": MemberSeen("chick1", "1.36.3", disks={"/": 50}),
    "chick2": MemberSeen("chick2", "1.36.3", disks={"/": 50}),
}
MAKE = {"pods": PodSeen, "budgets": Budget}


def situation(case: dict) -> Situation:
    """The healthy rack, with what the case says."""
    seen = case.get("cluster", {})
    nodes = tuple(replace(NodeSeen(name, True, "1.36.3", "2.3.7"), **case.get("nodes", {}).get(name, {}))
                  for name in seen.get("nodes", MEMBERS))
    fields = {key: tuple(MAKE[key](*one) for one in value) if key in MAKE else
              tuple(map(tuple, value)) if isinstance(value, list) else value for key, value in seen.items() if key != "nodes"}
    members = {name: replace(member, **{key: tuple(map(tuple, value)) if key == "etcd_members" else
                                        tuple(value) if isinstance(value, list) else value
                                        for key, value in case.get(name, {}).items()}) for name, member in MEMBERS.items()}
    away = {*case.get("unreachable", {}), *case.get("expected_off", ()), *case.get("strangers", ())}
    return Situation(
        case.get("target", "1.37.2"), ClusterSeen(**{"configured": "1.36.3", "calico": "v3.32.1", **fields}, nodes=nodes),
        {name: member for name, member in members.items() if name not in away}, case.get("unreachable", {}),
        tuple(case.get("control_planes", ["chick0"])), frozenset(case.get("expected_off", ())), case.get("force", False),
        lambda part, version: "unfit" if version.removeprefix("v").startswith(("1.7", "3.30")) else "",
        frozenset(case.get("strangers", ())), frozenset(case["names"]) if "names" in case else None,
        tuple(map(tuple, case.get("together", ()))))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_what_is_refused(case):
    now = situation(case)
    assert refusals(now) == [" ".join(sentence.split()) for sentence in case.get("refused", [])]
    if "left" in case:
        assert [node.name for node in now.to_do] == case["left"]


def test_every_rule_refuses_something():
    silent = [rule.__name__ for rule in RULES if not any([*rule(situation(case))] for case in CASES)]
    assert not silent


CLUSTER = """\
#configured
apiServer: {}
kubernetesVersion: v1.36.3
#nodes
chick0|True|v1.36.3|containerd://2.3.7|
chick1|Unknown|v1.36.3|containerd://2.3.7|yes
#calico
quay.io/calico/node:v3.32.1
#pods
chick1|hub|jupyter-ada||Running|ada
chick1|hub|hub-5f|ReplicaSet|Running|
chick1|kube-system|calico-node-x|DaemonSet|Running|
chick0|kube-system|etcd-chick0|Node|Running|
chick1|default|done||Succeeded|
|hub|waiting||Pending|
#failed budgets
error: the server
is busy
#releases
hub/hub "\\u003e=1.28.0-0"
kube-system/plain{none}
#drains
chick1|error when evicting pods/"x"
""".replace("{none}", " ")  # a name that is empty


def test_the_answer_of_a_cluster():
    assert parse_cluster(CLUSTER) == ClusterSeen(
        "1.36.3", (NodeSeen("chick0", True, "1.36.3", "2.3.7"), NodeSeen("chick1", False, "1.36.3", "2.3.7", True)), "v3.32.1",
        (PodSeen("chick1", "hub/jupyter-ada", "", "ada"), PodSeen("chick1", "hub/hub-5f", "ReplicaSet")), (),
        {"hub/hub": ">=1.28.0-0", "kube-system/plain": ""}, (("chick1", 'error when evicting pods/"x"'),),
        {"budgets": "error: the server is busy"})


def test_an_answer_that_ends_early_is_no_answer():
    assert set(parse_cluster(CLUSTER.partition("#failed")[0]).failed) == {"budgets", "releases", "drains"}
    assert parse_cluster("#failed ready\nconnection refused\n").failed == {"ready": "connection refused"}
    assert parse_cluster("").failed


MEMBER = """\
kubelet 1.36.3-1.1
begun
disk / 42
disk /mnt/a disk 7
manifest etcd.yaml
manifest etcd.yaml.bak
runs kube-apiserver v1.36.3
runs kube-scheduler v1.37.2
etcd unhealthy: took too long
alarm NOSPACE
member started chick0
member unstarted{none}
deprecated group="batch",removed_release="1.25",resource="cronjobs",subresource="",version="v1beta1"
""".replace("{none}", " ")


def test_the_answer_of_a_member():
    assert parse_member("chick0", MEMBER) == MemberSeen(
        "chick0", "1.36.3", True, {"/": 42, "/mnt/a disk": 7}, ("etcd.yaml", "etcd.yaml.bak"),
        {"kube-apiserver": "1.36.3", "kube-scheduler": "1.37.2"}, "unhealthy: took too long", ("NOSPACE",),
        (("started", "chick0"), ("unstarted", "")),
        ({"group": "batch", "removed_release": "1.25", "resource": "cronjobs", "subresource": "", "version": "v1beta1"},))


@pytest.mark.parametrize("answer", ["stranger\n", ""])
def test_who_is_in_no_cluster_is_no_member(answer):
    assert parse_member("chick0", answer) is None


@pytest.mark.parametrize("constraint, version, holds", [
    (">=1.28.0-0", "1.37.2", True), (">=1.28.0-0", "1.27.9", False), (">= 1.20.0-0, < 1.37.0-0", "1.37.0", False),
    (">=1.20 <1.38", "1.37.2", True), ("^1.30", "1.37.2", True), ("^2.0.0", "1.37.2", False), ("~1.37", "1.37.9", True),
    ("~1.36.1", "1.37.0", False), ("1.37.x", "1.37.2", True), ("1.36.x || 1.38.x", "1.37.2", False), ("1.36.x||1.37.x", "1.37.2", True),
    ("", "1.37.2", True), ("*", "1.37.2", True), ("!=1.37.2", "1.37.2", False), ("1.30 - 1.37", "1.37.2", True),
    ("<=1.37", "1.37.2", True), (">1.37", "1.37.2", False), (">1.36", "1.37.2", True), ("v1.37.2", "1.37.2", True),
    ("nonsense", "1.37.2", False)])
def test_the_kubernetes_versions_that_a_chart_names(constraint, version, holds):
    assert allows(constraint, version) == holds


def test_who_answers_and_is_no_member_has_not_joined():
    def ask(machine, text, limit):
        return CLUSTER if "answer configured" in text else "stranger\n" if machine.name == "chick2" else MEMBER

    now = look(small_rack(), ask, False)
    assert (now.strangers, set(now.members), dict(now.unreachable)) == ({"chick2"}, {"chick0", "chick1"}, {})
