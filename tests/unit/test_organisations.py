"""Organisations as values: what one line of configs/organisations.yaml gives the cluster, rooster and helm, and what it leaves alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.loading import load
from fabfile.rack import RackProblems
from fabfile.resources import HelmRelease, Nftables, PrunedObjects, PrunedReleases
from fabfile.roles.organisations import marks
from fabfile.roles.pod_routes import BIRD
from fabfile.screen.consent import unagreed
from fabfile.tasks.organisation import organisation_steps
from fabfile.tasks.service_steps import whole_rack_steps
from fabfile.upstream import documents
from fabfile.upstream.release import address_of, release_values
from tests.unit import simulated
from tests.unit.test_rack_problems import edit

PROJECT = Path(__file__).parents[2]
BASE = PROJECT / "tests/cases/hub/base"
COMMON = """\
domain: jupyter.flock.example
quota: {cores: 64, memory: 256Gi, hard: {requests.nvidia.com/mig-1g.10gb: 2, limits.cpu: 128}}
hub:
  chart: {name: jupyterhub, version: 4.4.0, repository: "https://hub.jupyter.org/helm-chart/"}
  values:
    hub: {config: {JupyterHub: {authenticator_class: dummy}, Authenticator: {allow_all: true}}}
    singleuser: {memory: {limit: 2G}}
organisations:
"""
BIOLOGY = "  biology: {addresses: [10.0.1.64/29], pods: 10.245.0.0/22, public: 128.120.136.71}\n"
PHYSICS = """\
  physics:
    addresses: [10.0.1.72/29]
    pods: 10.245.4.0/22
    public: 128.120.136.72
    domain: hub.physics.example
    reach: [203.0.113.0/24]
    quota: {cores: 16, gpus: 2, homes: 30, hard: {requests.nvidia.com/mig-1g.10gb: 4}}
    hub:
      values:
        hub: {config: {GitHubOAuthenticator: {allowed_organizations: [physics]}, JupyterHub: {authenticator_class: github}}}
        proxy: {https: {enabled: true, letsencrypt: {contactEmail: admin@physics.example}}}
"""


def made(folder: Path, organisations: str | None):
    shutil.copytree(BASE, folder / "rack")
    if organisations is not None:
        (folder / "rack/configs/organisations.yaml").write_text(organisations)
    return load(folder / "rack")


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    return made(tmp_path_factory.mktemp("two"), COMMON + BIOLOGY + PHYSICS)


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    return made(tmp_path_factory.mktemp("none"), None)


def given(rack, steps=None) -> dict[str, object]:
    return {f"{machine.name}: {step.name}: {resource.name}": resource for step in steps or whole_rack_steps(rack)
            for machine in step.machines for resource in step.role(rack, machine)}


def objects(rack) -> dict[str, dict]:
    """By kind and name, what the step of organisations applies."""
    text = given(rack)["chick0: organisations: file /etc/coop/manifests/organisations/objects.yaml"].content
    return {f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one for one in yaml.safe_load_all(text)}


def test_without_the_file_or_without_an_organisation_nothing_changes(without, tmp_path):
    empty = made(tmp_path, "organisations: {}\n")
    assert given(empty) == given(without)
    assert not [name for name in given(without) if "organisation" in name]
    assert "detectLocalMode" not in documents.kube_proxy_configuration(without)


def test_a_namespace_pod_addresses_service_addresses_and_a_quota_of_its_own(rack):
    found = objects(rack)
    assert sorted(name for name in found if "biology" in name) == [
        "GlobalNetworkPolicy /default.organisation-biology", "IPAddressPool metallb-system/organisation-biology",
        "IPPool /organisation-biology", "L2Advertisement metallb-system/organisation-biology", "LimitRange biology/coop",
        "Namespace /biology", "ResourceQuota biology/coop"]
    assert found["Namespace /biology"]["metadata"]["annotations"] == {"cni.projectcalico.org/ipv4pools": '["organisation-biology"]'}
    pool = found["IPPool /organisation-biology"]["spec"]
    assert (pool["cidr"], pool["natOutgoing"], pool["nodeSelector"]) == ("10.245.0.0/22", False, "!all()")
    assert found["IPAddressPool metallb-system/organisation-biology"]["spec"] == {
        "addresses": ["10.0.1.64/29"], "autoAssign": False, "avoidBuggyIPs": False,
        "serviceAllocation": {"priority": 1, "namespaces": ["biology"]}}
    assert all(one["metadata"]["labels"]["coop/set"] == "organisation.biology" for name, one in found.items() if "biology" in name)


def test_pods_of_other_namespaces_are_denied_before_any_policy_of_a_chart(rack):
    spec = objects(rack)["GlobalNetworkPolicy /default.organisation-physics"]["spec"]
    assert spec["namespaceSelector"] == "kubernetes.io/metadata.name == 'physics'" and spec["order"] < 1000
    assert spec["ingress"] == [{"action": "Deny", "source": {
        "namespaceSelector": "has(kubernetes.io/metadata.name) && kubernetes.io/metadata.name != 'physics'"}}]


def test_a_quota_is_the_common_one_but_for_what_the_organisation_says(rack):
    hard = {name: one["spec"]["hard"] for name, one in objects(rack).items() if one["kind"] == "ResourceQuota"}
    assert hard == {
        "ResourceQuota biology/coop": {"requests.cpu": "64", "requests.memory": "256Gi", "services.loadbalancers": "8",
                                       "limits.cpu": "128", "requests.nvidia.com/mig-1g.10gb": "2"},
        "ResourceQuota physics/coop": {"requests.cpu": "16", "requests.memory": "256Gi", "requests.nvidia.com/gpu": "2",
                                       "persistentvolumeclaims": "32", "services.loadbalancers": "8",
                                       "limits.cpu": "128", "requests.nvidia.com/mig-1g.10gb": "4"}}


def test_one_more_changes_nothing_of_another(rack, tmp_path):
    """Nothing is derived from the order of the file."""
    one = made(tmp_path, COMMON + PHYSICS)
    both, alone = objects(rack), objects(one)
    assert {name: both[name] for name in alone} == alone
    assert release_values(one, one.services["physics"]) == release_values(rack, rack.services["physics"])


def test_kube_proxy_takes_pods_of_all_ranges_for_the_clusters_own(rack):
    wanted = documents.kube_proxy_configuration(rack)
    assert (wanted["detectLocalMode"], wanted["detectLocal"]) == ("InterfaceNamePrefix", {"interfaceNamePrefix": "cali"})


def test_its_hub_is_one_more_service_with_all_that_hubs_have(rack):
    assert list(rack.services) == ["hub", "staging", "biology", "physics"]
    found = {name.rpartition(" ")[2]: one for name, one in given(rack).items() if isinstance(one, HelmRelease)}
    assert {name: found[name].namespace for name in ("biology", "physics")} == {"biology": "biology", "physics": "physics"}
    assert all(rack.services[name].is_hub and found[name].database and found[name].proof for name in ("biology", "physics"))
    values = release_values(rack, rack.services["physics"])
    assert values["hub"]["config"]["JupyterHub"]["authenticator_class"] == "github"
    assert values["singleuser"]["memory"] == {"limit": "2G"}
    assert values["proxy"]["https"]["hosts"] == ["hub.physics.example"]
    assert values["proxy"]["service"]["annotations"] == {"metallb.io/loadBalancerIPs": "10.0.1.72"}


def test_it_is_published_at_its_public_address_with_port_443_where_it_serves_tls(rack):
    rows = {name: (str(row.address), str(row.public), row.ports) for name, row in rack.network.publish.items()}
    assert rows["biology.jupyter.flock.example"] == ("10.0.1.64", "128.120.136.71", (80,))
    assert rows["hub.physics.example"] == ("10.0.1.72", "128.120.136.72", (80, 443))
    assert address_of(rack, rack.services["biology"]) == "10.0.1.64"


def test_rooster_has_its_addresses_and_rules_and_the_nodes_as_neighbours(rack, without):
    found, before = given(rack), given(without)
    outer, inner = (found[f"rooster: gateway: network interface {name}"] for name in ("enp2s0", "enp3s0"))
    assert {"128.120.136.71/32", "128.120.136.72/32"} <= set(outer.addresses)
    assert inner.routes["10.0.1.64/29"] == ""
    bird = found[f"rooster: gateway: file {BIRD}"].content
    assert "[ 10.245.0.0/22+, 10.245.4.0/22+ ]" in bird and bird.count("\tneighbor ") == len(rack.chicks)
    rules = {name: next(one.ruleset for one in whole.values() if isinstance(one, Nftables)) for name, whole in
             (("with", found), ("without", before))}
    added = [line.strip() for line in rules["with"].splitlines() if line not in rules["without"].splitlines()]
    assert 'ip saddr 10.245.0.0/22 oifname "enp2s0" snat ip to 128.120.136.71 comment "biology"' in added
    left = [line.strip() for line in rules["without"].splitlines() if line not in rules["with"].splitlines()]
    assert not left


def test_an_organisation_without_a_hub_has_all_else(tmp_path):
    rack = made(tmp_path, f"organisations:\n{BIOLOGY}")
    assert "biology" not in rack.services and "Namespace /biology" in objects(rack)
    assert "128.120.136.71/32" in given(rack)["rooster: gateway: network interface enp2s0"].addresses


def test_pruning_knows_what_each_has(rack):
    found = list(given(rack).values())
    pruned = next(one for one in found if isinstance(one, PrunedObjects))
    assert pruned.own["organisation.biology"][:2] == ("Namespace biology", "ResourceQuota biology/coop")
    assert "biology/biology" in next(one for one in found if isinstance(one, PrunedReleases)).releases


def test_homes_of_a_volume_are_folders_in_a_namespace_that_the_organisation_has_made(tmp_path):
    """No second hand writes its namespace: what one applies without would be taken away again by the other."""
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    shutil.copy(PROJECT / "hosts.yaml", tmp_path)
    (tmp_path / "configs/organisations.yaml").write_text(COMMON + BIOLOGY)
    rack = load(tmp_path)
    applied = given(rack)["chick0: homes: file /etc/coop/manifests/homes/objects.yaml"].content
    made = [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(applied)]
    assert "99-home-use" not in str(release_values(rack, rack.services["biology"])["hub"].get("extraConfig"))
    assert ("PersistentVolume", "homes-biology") in made and ("Namespace", "biology") not in made and ("Namespace", "staging") in made


def test_the_task_has_the_steps_that_an_organisation_has_a_part_in(rack):
    assert [step.name for step in organisation_steps(rack)] == [
        "gateway", "publishing", "helm", "pod network", "organisations", "biology", "physics", "prune releases", "prune objects"]


CASES = yaml.safe_load((PROJECT / "tests/cases/hub/organisations.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_contradicts_the_rack_is_reported(tmp_path, case):
    folder = shutil.copytree(BASE, tmp_path / "rack")
    edit(folder, case["edits"])
    with pytest.raises(RackProblems) as told:
        load(folder)
    assert [str(problem) for problem in told.value.problems] == case["problems"]


@pytest.mark.parametrize("yes, typed, ends", [
    (True, (), False), (True, ("physics",), False), (False, ("biology",), True), (True, ("biology",), True)])
def test_one_that_left_the_file_ends_when_its_name_is_typed_and_not_by_a_yes(rack, yes, typed, ends):
    """A whole run, on machines that are functions."""
    left, acted = ["object v1 ResourceQuota biology coop organisation.biology\nserver biology jupyter-ada\n"], []

    def chick0(verb: str, text: str) -> tuple[int, str]:
        if "mark=organisation.biology" in text:
            acted.append(text)
            left[0] = ""
        return 0, left[0] if verb == "probe" else ""

    own = {mark: objects for mark, objects in marks(rack).items() if mark != "organisation.biology"}
    machines = simulated.rack("rooster", "chick0")
    prune = Step("prune objects", (machines.machine("chick0"),), lambda rack, machine: [PrunedObjects(own)])
    ways = simulated.Ways({"rooster": lambda verb, text: (0, ""), "chick0": chick0})
    result = run(machines, "organisation.apply", [prune], ways=ways, consent=lambda entries: not unagreed(entries, yes, typed))
    assert (result.exit_code, len(acted)) == ((0, 1) if ends else (1, 0))
    assert ends or "jupyter-ada" in str(result.errors[0])
