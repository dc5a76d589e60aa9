"""What a machine with GPUs is given, beside what every worker has; and apt, which really chooses among branches of the driver."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack.services import Services
from fabfile.resources import KernelModule, KubernetesObjects, NodeSettings, Packages
from fabfile.roles.cache import repositories
from fabfile.roles.gpu import PIN
from fabfile.tasks.service_steps import service_steps, whole_rack_steps
from fabfile.tasks.steps import add_steps
from fabfile.upstream.release import looked_up, release_values

PROJECT = Path(__file__).parents[2]
GPU = '    gpu: {driver: "580", model: NVIDIA A100-PCIE-40GB, count: 2}\n    labels: {example.org/room: north}\n'
NVIDIA = """
nvidia:
  driver: {repository: https://gpu.example/debian13/x86_64/, key: https://gpu.example/key.pub}
  toolkit: {version: 1.18.1, repository: https://toolkit.example/deb/amd64/, key: https://toolkit.example/gpgkey}
"""
OLD, NEW, NEWEST = "580.82.07-1", "580.95.05-1", "590.44.01-1"


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """The sample rack, with GPUs at chick1."""
    folder = tmp_path_factory.mktemp("rack")
    shutil.copytree(PROJECT / "configs", folder / "configs")
    hosts, bmc = (PROJECT / "hosts.yaml").read_text(), "    bmc: 192.168.0.101\n"
    assert bmc in hosts
    (folder / "hosts.yaml").write_text(hosts.replace(bmc, bmc + GPU))
    with (folder / "configs/versions.yaml").open("a") as versions:
        versions.write(NVIDIA)
    hub = folder / "configs/hub.yaml"
    hub.write_text(f"profile_groups: {{large: [staff, gpu-users]}}\nquota: {{requests.nvidia.com/gpu: 4}}\n{hub.read_text()}")
    return load(folder)


def given(rack, name: str, steps=None) -> dict[str, object]:
    return {f"{step.name}: {resource.name}": resource for step in steps or whole_rack_steps(rack)
            for machine in step.machines if machine.name == name for resource in step.role(rack, machine)}


def test_the_driver_the_toolkit_and_a_runtime_are_added_and_nothing_else(rack):
    sample, found = given(load(PROJECT), "chick1"), given(rack, "chick1")
    added = [name for name in found if name not in sample]
    assert added == [
        "prepare: apt repository nvidia-driver", "prepare: apt repository nvidia-container-toolkit", f"prepare: file {PIN}",
        "prepare: headers of every kernel", "prepare: packages nvidia-driver-cuda nvidia-kernel-open-dkms nvidia-container-toolkit",
        "prepare: module nvidia"]
    differ = {name for name in sample if found[name] != sample[name]}
    assert differ == {"prepare: file /etc/apt/apt.conf.d/52rack", "prepare: file /etc/containerd/config.toml", "join: membership of chick1"}
    packages = next(one for one in found.values() if isinstance(one, Packages) and "nvidia-driver-cuda" in one.packages)
    assert packages.packages == {"nvidia-driver-cuda": "580.*", "nvidia-kernel-open-dkms": "580.*", "nvidia-container-toolkit": "1.18.1-*"}
    assert set(packages.hold) == set(packages.packages) and packages.replace == ("nvidia-kernel-dkms",)
    upgrades = found["prepare: file /etc/apt/apt.conf.d/52rack"].content
    assert all(f'"^{name}$";' in upgrades for name in (*packages.packages, "kubelet", "containerd.io"))
    assert found["prepare: module nvidia"] == KernelModule("nvidia", "GPU", "nouveau")


def test_containerd_has_one_runtime_more(rack):
    runtimes = []
    for of in (load(PROJECT), rack):
        written = tomllib.loads(given(of, "chick1")["prepare: file /etc/containerd/config.toml"].content)
        runtimes.append(written["plugins"]["io.containerd.cri.v1.runtime"]["containerd"].pop("runtimes"))
        runtimes.append(written)
    before, others, after, still = runtimes
    assert still == others and {**after, "nvidia": None} == {**before, "nvidia": None}
    assert after["nvidia"]["options"] == {"BinaryName": "/usr/bin/nvidia-container-runtime", "SystemdCgroup": True}


def test_other_machines_are_given_what_they_were_given(rack):
    for name in ("chick2", "hen"):
        assert given(rack, name) == given(load(PROJECT), name)


def test_the_node_joins_with_its_taint_and_keeps_label_and_taint(rack):
    leader = given(rack, "chick0")
    nodes = next(one for one in leader.values() if isinstance(one, NodeSettings))
    assert nodes.labels["chick1"] == {"example.org/room": "north", "nvidia.com/gpu.present": "true"}
    assert nodes.taints == {"chick1": ("nvidia.com/gpu=present:NoSchedule",)} and nodes.labels["chick2"] == {}
    join = yaml.safe_load(given(rack, "chick1")["join: membership of chick1"].config)
    assert join["nodeRegistration"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]


def test_pods_that_name_the_runtime_class_get_to_such_a_node_and_tolerate_it(rack):
    applied = given(rack, "chick0")
    [made] = yaml.safe_load_all(applied["gpus: file /etc/coop/manifests/gpus/objects.yaml"].content)
    assert (made["kind"], made["metadata"]["name"], made["handler"]) == ("RuntimeClass", "nvidia", "nvidia")
    assert made["scheduling"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert made["scheduling"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    pruned = applied["prune objects: objects no longer in the files"]
    assert pruned.own["gpus"] == ("RuntimeClass nvidia",)
    assert "gpus" not in given(load(PROJECT), "chick0")["prune objects: objects no longer in the files"].own


def test_the_hubs_profile_is_for_its_groups_and_the_other_hub_has_none(rack):
    code = {name: (looked_up(release_values(rack, service), "hub", "extraConfig") or {}) for name, service in rack.services.items()}
    assert code["hub"]["00-profiles"].startswith("ONLY_FOR = {'large': ['gpu-users', 'staff']}\n")
    assert "00-profiles" not in code["staging"]


def test_other_charts_come_before_the_hubs_as_a_canary_may_want_a_device_plugin(rack):
    chart = {"name": "nvidia-device-plugin", "version": "0.18.0", "repository": "https://charts.example/"}
    plugin = Services.model_validate({"services": {"gpus-plugin": {"chart": chart}}}).services
    with_plugin = replace(rack, services={**rack.services, **plugin})
    assert [step.name for step in service_steps(with_plugin)] == ["gpus-plugin", "hub", "staging"]


def test_the_hubs_pods_have_a_quota(rack):
    applied = given(rack, "chick0")
    namespace, quota = yaml.safe_load_all(applied["quotas: file /etc/coop/manifests/quotas/objects.yaml"].content)
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", "hub")
    assert (quota["kind"], quota["metadata"]["namespace"]) == ("ResourceQuota", "hub")
    assert quota["spec"] == {"hard": {"requests.nvidia.com/gpu": "4"}}
    assert applied["prune objects: objects no longer in the files"].own["quotas"] == ("Namespace hub", "ResourceQuota hub/coop")
    assert not [name for name in given(load(PROJECT), "chick0") if name.startswith("quotas")]


def test_node_add_makes_the_runtime_class_too(rack):
    def made(name: str) -> list[str]:
        return [resource.name for resource in given(rack, "chick0", add_steps(rack, rack.machine(name))).values()
                if isinstance(resource, KubernetesObjects)]
    assert (made("chick1"), made("chick2")) == (["Kubernetes objects gpus"], [])


def test_the_cache_fetches_nvidias_repositories_as_well(rack):
    added = set(repositories(rack)) - set(repositories(load(PROJECT)))
    assert added == {("gpu.example/debian13/x86_64/", True), ("gpu.example/key.pub", False),
                     ("toolkit.example/deb/amd64/", True), ("toolkit.example/gpgkey", False)}


def a_repository(folder: Path) -> None:
    """As NVIDIA's are: every package needs those of its own version."""
    needed = {"nvidia-driver-cuda": ["libcuda1", "nvidia-persistenced"], "nvidia-kernel-open-dkms": ["nvidia-kernel-support"],
              "nvidia-container-toolkit": ["nvidia-container-toolkit-base"]}
    made = [(name, version, needed.get(name, [])) for name in (*needed, *(one for needs in needed.values() for one in needs))
            for version in (("1.18.1-1", "1.19.0-1") if "toolkit" in name else (OLD, NEW, NEWEST))]
    stanzas = []
    for name, version, needs in made:
        depends = f"Depends: {', '.join(f'{one} (= {version})' for one in needs)}\n" if needs else ""
        stanzas.append(f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: a@b.example\n{depends}"
                       f"Filename: ./{name}_{version}.deb\nSize: 1\nSHA256: {'0' * 64}\nDescription: d\n")
    (folder / "Packages").write_text("\n".join(stanzas))


def chosen(rack, tmp_path: Path, pinned: bool) -> dict[str, str]:
    """What apt would install, by a simulation with folders of its own."""
    for folder in ("repository", "etc/apt/preferences.d", "etc/apt/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
        (tmp_path / folder).mkdir(parents=True)
    a_repository(tmp_path / "repository")
    (tmp_path / "status").touch()
    (tmp_path / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/repository ./\n")
    found = given(rack, "chick1")
    if pinned:
        (tmp_path / PIN.lstrip("/")).write_text(found[f"prepare: file {PIN}"].content)
    wanted = next(one for one in found.values() if isinstance(one, Packages) and "nvidia-driver-cuda" in one.packages).packages
    options = [f"-oDir={tmp_path}", "-oDir::Etc=etc/apt", "-oDir::State=state", f"-oDir::State::status={tmp_path}/status",
               "-oDir::Cache=cache", "-oAPT::Architecture=amd64", "-oAPT::Architectures=amd64", "-oAPT::Sandbox::User=root"]
    subprocess.run(["apt-get", "-q", *options, "update"], check=True, capture_output=True)
    said = subprocess.run(["apt-get", "-q", "-s", *options, "--no-install-recommends", "install",
                           *(f"{name}={version}" for name, version in wanted.items())], capture_output=True, text=True)
    words = [line.split() for line in said.stdout.splitlines() if line.startswith("Inst ")]
    return {line[1]: line[2].lstrip("(") for line in words}


@pytest.mark.skipif(not shutil.which("apt-get"), reason="wants apt")
def test_apt_takes_the_newest_of_the_branch_with_all_that_it_needs(rack, tmp_path):
    assert chosen(rack, tmp_path, pinned=True) == {
        **dict.fromkeys(("nvidia-driver-cuda", "nvidia-kernel-open-dkms", "libcuda1", "nvidia-persistenced", "nvidia-kernel-support"), NEW),
        **dict.fromkeys(("nvidia-container-toolkit", "nvidia-container-toolkit-base"), "1.18.1-1")}


@pytest.mark.skipif(not shutil.which("apt-get"), reason="wants apt")
def test_without_the_pin_apt_would_not_find_a_way(rack, tmp_path):
    assert chosen(rack, tmp_path, pinned=False) == {}
