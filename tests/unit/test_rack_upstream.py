"""Merging what is written into what is demanded, and upstream's documents as they come out of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fabfile.loading import load
from fabfile.rack import RackProblems
from fabfile.rack.merge import Contradiction, merge, overlay
from fabfile.tasks.steps import remove_steps
from fabfile.upstream import documents

PROJECT = Path(__file__).parents[2]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))
KEYS = st.sampled_from("abc")
TREES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)))
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=3)


def held(demanded, values):
    """Whether everything demanded stands in the values."""
    if isinstance(demanded, dict):
        return isinstance(values, dict) and all(
            key in values and held(demanded[key], values[key]) for key in demanded)
    if isinstance(demanded, list):
        return isinstance(values, list) and values[:len(demanded)] == demanded
    return type(values) is type(demanded) and values == demanded


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_what_is_demanded_holds(demanded, written, proposed):
    assert held(demanded, merge(demanded, written, proposed).values)


@given(MAPPINGS, MAPPINGS)
def test_what_is_written_stands_where_nothing_is_demanded(written, proposed):
    merged = merge({}, written, proposed)
    assert merged.values == overlay(proposed, written)
    assert held({key: value for key, value in written.items() if not isinstance(value, dict)}, merged.values)
    assert not merged.contradictions


@given(MAPPINGS, MAPPINGS)
def test_written_again_it_is_the_same_and_agrees(demanded, written):
    once = merge(demanded, written).values
    again = merge(demanded, once)
    assert again.values == once and not again.contradictions


@given(MAPPINGS, MAPPINGS)
def test_a_contradiction_is_a_written_place(demanded, written):
    for one in merge(demanded, written).contradictions:
        value = written
        for key in one.path:
            value = value[key]
        assert value == one.written != one.demanded or type(one.written) is not type(one.demanded)


def test_lists_grow_and_named_ones_merge_by_name():
    merged = merge(
        {"names": ["a"], "args": [{"name": "node-ip", "value": "10.0.0.1"}]},
        {"names": ["b", "a"],
         "args": [{"name": "v", "value": "2"}, {"name": "node-ip", "value": "10.0.0.2"}]})
    assert merged.values == {
        "names": ["a", "b"], "args": [{"name": "node-ip", "value": "10.0.0.1"}, {"name": "v", "value": "2"}]}
    assert merged.contradictions == (Contradiction(("args", 1, "value"), "10.0.0.1", "10.0.0.2"),)


@pytest.fixture
def rack(tmp_path):
    """The sample rack, with a cluster.yaml to be extended."""
    shutil.copytree(PROJECT / "tests/cases/rack/base", tmp_path, dirs_exist_ok=True)

    def with_cluster(more: str = ""):
        file = tmp_path / "configs/cluster.yaml"
        file.write_text("name: flock\nendpoint: kubeapi.flock.lan\n" + more)
        return load(tmp_path)

    return with_cluster


def test_kubeadm_gets_what_the_rack_demands_and_what_is_written(rack):
    rack = rack("kubeadm: {ClusterConfiguration: {apiServer: {certSANs: [api.example.org], "
                "extraArgs: [{name: v, value: '4'}]}}}\n")
    assert documents.cluster_configuration(rack) == yaml.safe_load("""
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        clusterName: flock
        kubernetesVersion: v1.36.4
        controlPlaneEndpoint: kubeapi.flock.lan:6443
        networking: {dnsDomain: cluster.local, podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
        apiServer:
          certSANs: [kubeapi.flock.lan, 10.0.0.100, api.example.org]
          extraArgs: [{name: v, value: "4"}]
        """)


def test_a_member_joins_with_its_own_name_and_address(rack):
    rack = rack()
    joining = documents.join_configuration(rack, rack.machine("chick3"), "TOKEN", "sha256:HASH")
    assert joining["nodeRegistration"]["name"] == "chick3"
    assert joining["nodeRegistration"]["kubeletExtraArgs"] == [{"name": "node-ip", "value": "10.0.0.103"}]
    assert joining["discovery"]["bootstrapToken"] == {
        "apiServerEndpoint": "kubeapi.flock.lan:6443", "token": "TOKEN", "caCertHashes": ["sha256:HASH"]}
    assert "controlPlane" not in joining


def test_control_planes_carry_pods_where_no_worker_would(rack, tmp_path):
    beside = documents.init_configuration(rack(), rack().machine("chick0"))["nodeRegistration"]["taints"]
    assert beside == [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    hosts = tmp_path / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("[worker]", "[control-plane]"))
    alone = rack()
    assert documents.init_configuration(alone, alone.machine("chick0"))["nodeRegistration"]["taints"] == []
    assert documents.join_configuration(alone, alone.machine("chick1"))["nodeRegistration"]["taints"] == []


def test_what_is_proposed_gives_way(rack):
    rack = rack("KubeletConfiguration: {cgroupDriver: cgroupfs}\n"
                "calico: {BGPConfiguration: {asNumber: 64999}}\n")
    assert documents.kubelet_configuration(rack)["cgroupDriver"] == "cgroupfs"
    assert documents.calico_bgp(rack) == {"asNumber": 64999, "nodeToNodeMeshEnabled": True}


@pytest.mark.parametrize("mode, felix", [("iptables", None), ("nftables", "Enabled")])
def test_calico_follows_kube_proxy(rack, mode, felix):
    rack = rack(f"KubeProxyConfiguration: {{mode: {mode}}}\n")
    assert documents.kube_proxy_configuration(rack)["mode"] == mode
    assert documents.calico_felix(rack).get("nftablesMode") == felix


def test_a_role_may_settle_its_own_demands(rack):
    rack = rack("containerd: {debug: {level: warn}, oom_score: 5}\n")
    assert documents.merged_settings(rack, ("containerd",), {"version": 3}, {"oom_score": 0}) == {
        "version": 3, "debug": {"level": "warn"}, "oom_score": 5}
    with pytest.raises(RackProblems) as told:
        documents.merged_settings(rack, ("containerd",), {"debug": {"level": "info"}})
    assert str(told.value) == ("configs/cluster.yaml:3: containerd.debug.level: 'warn' contradicts the rack, "
                               "which demands 'info' (leave this key out)")


@pytest.fixture
def with_machine(tmp_path):
    """The sample rack, with more said of chick1, and of chick0's roles."""
    shutil.copytree(PROJECT / "tests/cases/rack/base", tmp_path, dirs_exist_ok=True)

    def written(chick1: str = "", chick0: str = "[control-plane]"):
        file = tmp_path / "hosts.yaml"
        text = file.read_text().replace("roles: [control-plane]", f"roles: {chick0}")
        file.write_text(text.replace("    bmc: 192.168.0.101\n", f"    {chick1}\n" if chick1 else ""))
        return load(tmp_path)

    return written


def test_kubelet_settings_of_one_machine_stand_above_the_clusters(with_machine):
    rack = with_machine("KubeletConfiguration: {maxPods: 20, evictionHard: {memory.available: 1Gi}}")
    cluster, own = (documents.kubelet_configuration(rack, machine) for machine in (None, rack.machine("chick1")))
    assert own == cluster | {"maxPods": 20, "evictionHard": {"memory.available": "1Gi"}}
    assert documents.kubelet_configuration(rack, rack.machine("chick2")) == cluster
    assert documents.join_configuration(rack, rack.machine("chick1"))["patches"] == {"directory": documents.PATCHES}
    assert "patches" not in documents.join_configuration(rack, rack.machine("chick2"))


def test_a_newcomer_joins_with_its_taints(with_machine):
    rack = with_machine("taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]")
    joins = documents.join_configuration(rack, rack.machine("chick1"))["nodeRegistration"]
    assert joins["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert "taints" not in documents.join_configuration(rack, rack.machine("chick2"))["nodeRegistration"]


def test_a_control_plane_that_is_a_worker_takes_pods_beside_other_workers(with_machine):
    rack = with_machine(chick0="[control-plane, worker]")
    chick0 = rack.machine("chick0")
    assert rack.takes_pods(chick0) and documents.node_taints(rack, chick0) == ()
    assert documents.init_configuration(rack, chick0)["nodeRegistration"]["taints"] == []
    assert [machine.name for machine in rack.chicks].count("chick0") == 1


def test_a_control_plane_alone_keeps_kubeadms_taint(with_machine):
    rack = with_machine()
    chick0 = rack.machine("chick0")
    assert not rack.takes_pods(chick0)
    assert [taint.text for taint in documents.node_taints(rack, chick0)] == [
        "node-role.kubernetes.io/control-plane:NoSchedule"]


def test_control_planes_take_pods_where_no_worker_is_there(with_machine):
    rack = with_machine()
    chick0, workers = rack.machine("chick0"), rack.workers
    for worker in workers[1:]:
        rack = rack.without(worker)
    assert not rack.takes_pods(chick0)
    assert rack.without(workers[0]).takes_pods(chick0)
    off = {workers[0].name: workers[0].model_copy(update={"expect": "off"})}
    assert replace(rack, machines={**rack.machines, **off}).takes_pods(chick0)


def test_control_planes_take_pods_before_the_last_worker_leaves(with_machine):
    rack = with_machine()
    *others, last = rack.workers
    assert remove_steps(rack, last, force=False, dead=False)[0].name == "drain"
    for worker in others:
        rack = rack.without(worker)
    step, *_ = remove_steps(rack, last, force=False, dead=True)
    (settings,) = step.role(rack, rack.leader)
    assert settings.takes_pods == {"chick0": True}
