"""Settings as they run beside what the rack says: compared, made alike, and what kubeadm itself adds to them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import simulated
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bench.role.line import FileLine
from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.loading import load
from fabfile.resources import settings
from fabfile.resources.base import Resource, rejection
from fabfile.roles.settings import cluster_settings, kube_proxy_settings, member_settings
from fabfile.upstream import documents, fixed, kubeadm

PROJECT = Path(__file__).parents[2]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "0", "0s", "60s", "1m0s", "x"]))
KEYS = st.sampled_from("abc")
TREES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8)
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=3)


@given(MAPPINGS, MAPPINGS, st.booleans())
def test_what_was_made_as_expected_differs_no_more(expected, found, exact):
    differ = settings.differences(expected, found, exact=exact)
    assert not settings.differences(expected, settings.applied(found, differ), exact=exact)


@given(MAPPINGS)
def test_a_tree_is_as_itself_also_after_it_was_written(tree):
    assert not settings.differences(tree, tree)
    assert not settings.differences(tree, settings.read(settings.written(tree)))


@given(MAPPINGS, MAPPINGS)
def test_what_nobody_expects_stays_unless_all_is_known(expected, found):
    differ = settings.differences(expected, found, exact=False)
    made = settings.applied(found, differ)
    assert all(made[key] == value for key, value in found.items() if key not in expected)


@pytest.mark.parametrize(("one", "other"), [
    ("60s", "1m0s"), ("8760h", "8760h0m0s"), ("1.5h", "1h30m"), ("100ms", "0.1s")])
def test_a_duration_may_be_written_in_many_ways(one, other):
    assert settings.same(one, other) and settings.seconds(one) == settings.seconds(other)


@pytest.mark.parametrize(("one", "other"), [("60s", "61s"), ("5%", "5m"), (True, 1), ("1", 1), ([1], [1, 1])])
def test_other_values_are_others(one, other):
    assert not settings.same(one, other)


# --- a whole rack: what an edit of its files comes to, on the facts of a cluster made before the edit

@pytest.fixture
def edited(tmp_path):
    """The sample rack with a string of one of its files replaced by another."""
    def edit(file: str, old: str, new: str):
        for name in ("hosts.yaml", "configs"):
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
            else:
                shutil.copy(source, tmp_path / name)
        path = tmp_path / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        return load(tmp_path)
    return edit


@pytest.fixture(scope="module")
def sample():
    return load(PROJECT)


def as_kubeadm_writes(rack) -> str:
    """The facts of a cluster that was made as this rack says."""
    documents = {"kubeadm-config": ("ClusterConfiguration", kubeadm.cluster_configuration(rack)),
                 "kubelet-config": ("kubelet", kubeadm.kubelet_configuration(rack))}
    return "".join(json.dumps({"kind": "ConfigMap", "metadata": {"name": name},
                               "data": {key: yaml.safe_dump(tree)}}) + "\n" for name, (key, tree) in documents.items())


def refusals(rack, facts: str) -> list[tuple[str, bool]]:
    found = cluster_settings(rack, rack.control_planes[0]).changes(facts, frozenset())
    return [(change.what, change.rejected) for change in found]


def test_a_cluster_made_from_the_rack_is_as_the_rack_says(sample):
    assert refusals(sample, as_kubeadm_writes(sample)) == []


def test_an_edit_of_the_kubelet_settings_is_a_difference(sample, edited):
    rack = edited("configs/cluster.yaml", "maxPods: 110", "maxPods: 60")
    assert refusals(rack, as_kubeadm_writes(sample)) == [("ConfigMap kubelet-config: maxPods is 110, should be 60", False)]


def test_a_key_that_is_left_out_gets_its_default_again(sample, edited):
    rack = edited("configs/cluster.yaml", "    certificateValidityPeriod: 8760h", "    certificateValidityPeriod: 24h")
    assert refusals(sample, as_kubeadm_writes(rack)) == [
        ("ConfigMap kubeadm-config: certificateValidityPeriod is 24h, should be 8760h", False)]


FIXED = {
    "pods' network": ("configs/network.yaml", "pod: 10.244.0.0/16", "pod: 10.200.0.0/16", "networking.podSubnet"),
    "services' network": ("configs/network.yaml", "service: 10.96.0.0/12", "service: 10.112.0.0/12", "networking.serviceSubnet"),
    "endpoint": ("configs/cluster.yaml", "endpoint: kubeapi.flock.lan", "endpoint: api.flock.lan", "controlPlaneEndpoint"),
    "name": ("configs/cluster.yaml", "name: flock", "name: herd", "clusterName"),
    "domain": ("configs/cluster.yaml", "    certificateValidityPeriod: 8760h",
               "    networking: {dnsDomain: cluster.example}", "networking.dnsDomain"),
    "etcd's folder": ("configs/cluster.yaml", "    certificateValidityPeriod: 8760h",
                      "    etcd: {local: {dataDir: /srv/etcd}}", "etcd.local.dataDir"),
    "images": ("configs/cluster.yaml", "    certificateValidityPeriod: 8760h", "    imageRepository: mirror.example",
               "imageRepository"),
    "authorities": ("configs/cluster.yaml", "    certificateValidityPeriod: 8760h",
                    "    caCertificateValidityPeriod: 1000h", "caCertificateValidityPeriod"),
    "groups": ("configs/cluster.yaml", "  maxPods: 110", "  cgroupDriver: cgroupfs", "cgroupDriver"),
    "DNS of pods": ("configs/cluster.yaml", "  maxPods: 110", "  clusterDNS: [10.96.0.11]", "clusterDNS"),
}


@pytest.mark.parametrize("what", FIXED)
def test_what_is_decided_at_the_start_is_rejected_by_file_and_line(what, sample, edited):
    file, old, new, key = FIXED[what]
    rack = edited(file, old, new)
    line = next(number for number, text in enumerate((rack.folder / file).read_text().split("\n"), 1)
                if text.strip().split(":")[0] == new.strip().split(":")[0])
    [(said, rejected), *_] = refusals(rack, as_kubeadm_writes(sample))
    assert rejected
    assert said.startswith(f"{file}:{line}: ") and f"{key} is " in said and "cannot be changed there: " in said


def test_every_fixed_key_has_a_line_a_reason_and_a_way(sample):
    for table in (fixed.fixed_cluster(sample), fixed.fixed_kubelet(sample), fixed.fixed_kube_proxy(sample)):
        for where, because, way in table.values():
            assert where.split(":")[1].isdigit() and because and way


def test_an_argument_of_the_rack_comes_once_and_in_the_place_of_kubeadms(edited):
    rack = edited("configs/cluster.yaml", "    certificateValidityPeriod: 8760h",
                  "    apiServer: {extraArgs: [{name: authorization-mode, value: RBAC}, {name: v, value: '4'}]}")
    server = kubeadm.components(rack, rack.control_planes[0], known=True)[0]
    assert dict(server.arguments)["authorization-mode"] == "RBAC" and dict(server.arguments)["v"] == "4"
    assert len({name for name, _ in server.arguments}) == len(server.arguments)


def test_another_minor_is_compared_by_what_the_rack_says_alone(sample):
    """Its own defaults are not known here: what is set beside the rack's keys is left alone, whatever it is."""
    older = sample.versions.kubernetes.model_copy(update={"version": "1.35.4"})
    rack = replace(sample, versions=sample.versions.model_copy(update={"kubernetes": older}))
    assert kubeadm.kubelet_configuration(rack) == documents.kubelet_configuration(rack)
    server = dict(kubeadm.components(rack, rack.control_planes[0], kubeadm.is_known(rack))[0].arguments)
    assert {name for name, value in server.items() if value is not None} == {"advertise-address"}
    facts = as_kubeadm_writes(sample)
    assert refusals(rack, facts) == []


def test_the_minor_whose_defaults_are_known_is_the_one_whose_keys_are(sample):
    assert kubeadm.is_known(sample)
    keys = yaml.safe_load((PROJECT / "fabfile/loading/upstream_keys.yaml").read_text())
    assert keys["kubernetes"]["minor"] == kubeadm.KNOWN_MINOR


def test_kubelet_keys_that_go_unsaid_are_keys(sample):
    keys = yaml.safe_load((PROJECT / "fabfile/loading/upstream_keys.yaml").read_text())["kubernetes"]
    assert set(str(keys["KubeletConfiguration"]).replace("'", " ").replace(",", " ")
                                         .replace("[", " ").replace("]", " ").split()) >= kubeadm.KUBELET_UNSAID


def test_the_dataplane_of_calico_stands_behind_kube_proxy(sample):
    """Both in one step on one machine: where kube-proxy does not change its mode, Calico keeps its own."""
    from fabfile.tasks.steps import bootstrap_steps

    step = next(step for step in bootstrap_steps(sample) if step.name == "pod network")
    names = [resource.name for resource in step.role(sample, step.machines[0])]
    assert names.index("settings of kube-proxy") < names.index("Kubernetes objects pod-network")


def test_only_a_control_plane_has_pods_and_certificates_of_one(sample):
    of = {name: [resource.name for resource in member_settings(sample, sample.machine(name))]
          for name in ("chick0", "chick1")}
    assert of["chick1"] == ["settings of kubelet", "unit kubelet.service"]
    assert of["chick0"] == ["certificate of the API server", "validity of the certificates", "static pod kube-apiserver",
                            "static pod kube-controller-manager", "static pod kube-scheduler", "static pod etcd",
                            *of["chick1"]]


def test_kube_proxys_mode_is_what_felix_follows(edited):
    rack = edited("configs/cluster.yaml", "mode: iptables", "mode: nftables")
    [proxy] = kube_proxy_settings(rack, rack.control_planes[0])
    assert proxy.wanted["mode"] == "nftables"
    assert documents.calico_felix(rack)["nftablesMode"] == "Enabled"


class Decided(Resource):
    """A setting that no edit changes."""

    name = "a decided setting"

    def probe(self):
        return ":"

    def changes(self, facts, altered):
        yield rejection("configs/cluster.yaml:7: y cannot be 2")


@pytest.mark.parametrize("dry", [True, False])
def test_what_cannot_be_keeps_everything_from_being_done(dry):
    """Also what an earlier step, or another machine, would have."""
    acted = []

    def machine(verb: str, text: str) -> tuple[int, str]:
        if verb == "act":
            acted.append(text)
        return 0, ""

    rack = simulated.rack("rooster", "chick0", "chick1")
    steps = [Step("a", (rack.machine("chick0"), rack.machine("chick1")), lambda rack, machine: [FileLine("/etc/x", "y")]),
             Step("b", (rack.machine("chick1"),), lambda rack, machine: [Decided()])]
    result = run(rack, "test", steps, ways=simulated.Ways(dict.fromkeys(rack.machines, machine)), dry=dry)
    assert result.exit_code == 2 and not acted and len(result.plan) > 1
    assert str(result.errors[0]) == "configs/cluster.yaml:7: y cannot be 2\nnothing was changed"
