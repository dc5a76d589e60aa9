"""What the sample rack's machines would be given: the very files, resources in order, the scripts' syntax.

Golden cases lie in tests/cases/roles/MACHINE/, laid out as on the machine; RESOURCES lists what is wanted
there, in order. After a wanted change: `python -m tests.unit.test_roles` writes them again, and the diff is
what to read.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
import yaml

from fabfile.loading import load
from fabfile.rack.cluster import Keepalived
from fabfile.resources import ControlPlane, Download, Exports, File, Member, NetworkInterface, Nftables, Resource, ZfsPool
from fabfile.resources.ssh_settings import SshSettings
from fabfile.roles.dns import placed_dns
from fabfile.roles.names import endpoint_addresses
from fabfile.roles.rendering import render
from fabfile.tasks.service_steps import file_server_steps, rack_steps
from fabfile.tasks.steps import add_steps, bootstrap_steps
from tests.unit.case_files import keep, kept

PROJECT = Path(__file__).parents[2]
CASES = PROJECT / "tests/cases/roles"
MACHINES = ("rooster", "chick0", "chick1", "hen")  # the other chicks differ from chick1 by name and address alone


@pytest.fixture(scope="module")
def rack():
    return load(PROJECT)


def wanted(rack, name: str) -> list[tuple[str, Resource]]:
    """Every (step, resource) of one machine, in the order of cluster.bootstrap."""
    return [(step.name, resource) for step in (*bootstrap_steps(rack), *file_server_steps(rack))
            for machine in step.machines if machine.name == name for resource in step.role(rack, machine)]


def rendered(rack, name: str) -> dict[str, str]:
    """Path within the case → content."""
    found = wanted(rack, name)
    texts = {"RESOURCES": "".join(f"{step}: {resource.name}\n" for step, resource in found)}
    for _, resource in found:
        match resource:
            case File(path=path, content=str(content)):
                texts[path.lstrip("/")] = content
            case Exports() | NetworkInterface() | Nftables() | SshSettings():
                texts[resource.file().path.lstrip("/")] = resource.file().content
            case ZfsPool(pool=pool, vdevs=vdevs, properties=properties):
                texts[f"zpool-{pool}"] = "".join(f"{' '.join(words)}\n" for words in [
                    [f"{key}={value}" for key, value in properties.items()], *(vdev.words for vdev in vdevs)])
            case ControlPlane(config=config):
                texts["kubeadm-init.yaml"] = config
            case Member(config=config):
                texts["kubeadm-join.yaml"] = config
    return texts


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_given_what_its_case_says(rack, name):
    assert rendered(rack, name) == kept(CASES / name)


def test_the_same_rack_gives_the_same_resources(rack):
    again = load(PROJECT)
    for name in rack.machines:
        assert wanted(rack, name) == wanted(again, name)


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        render("every/etc/resolv.conf", domain="flock.lan")


def test_node_add_wants_the_new_machine_and_rooster_alone(rack):
    newcomer = rack.machine("chick10")
    touched = {machine.name for step in add_steps(rack, newcomer) for machine in step.machines}
    assert touched == {"rooster", "chick10"}


def test_the_second_node_that_takes_dns_has_it_spread_over_both(rack):
    for worker in rack.workers[1:]:
        rack = rack.without(worker)
    assert "pod network" in {step.name for step in add_steps(rack, rack.workers[0])}


def test_a_chick_knows_no_other_chick_by_file(rack):
    """So a machine that comes or goes changes nothing on its neighbours."""
    newcomer = str(rack.machine("chick10").address())
    for name in ("chick0", "chick1"):
        assert not [path for path, text in rendered(rack, name).items() if newcomer in text]


def test_no_token_outlives_the_run_that_made_it(rack):
    init, *_ = yaml.safe_load_all(rendered(rack, "chick0")["kubeadm-init.yaml"])
    assert [token["ttl"] for token in init["bootstrapTokens"]] == ["1m0s"]
    join = yaml.safe_load(rendered(rack, "chick1")["kubeadm-join.yaml"])
    assert join["discovery"]["bootstrapToken"]["caCertHashes"] == [Member.CA_HASH]
    assert "unsafeSkipCAVerification" not in join["discovery"]["bootstrapToken"]


def scripts(rack):
    for step in (*bootstrap_steps(rack), *file_server_steps(rack)):
        for check in step.verify(rack, step.machines) if step.verify else ():
            if check.machine in MACHINES:
                yield pytest.param(check.script, id=f"{step.name}: {check.what}")


@pytest.mark.parametrize("script", list(scripts(load(PROJECT))))
def test_checks_are_posix_shell(script):
    said = subprocess.run(["dash", "-n", "-c", script], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert '{"\n' not in script, "kubectl takes no newline within a jsonpath: it is written as backslash and n"


def write() -> None:
    """The cases again, from the rack as it is."""
    keep(CASES, {f"{name}/{path}": text for name in MACHINES for path, text in rendered(load(PROJECT), name).items()})


if __name__ == "__main__":
    write()


def test_dns_is_placed_on_two_nodes_where_two_can_take_it(rack):
    """On the way back to one node the Deployment is applied without its affinity, so that the API server takes it away."""
    def keys(rack) -> list[tuple[str, list[str]]]:
        return [(document["metadata"]["name"], sorted(document["spec"]["template"]["spec"])) for document in placed_dns(rack)]

    assert keys(rack) == [("coredns", ["affinity", "tolerations"])]
    for worker in rack.workers:
        rack = rack.without(worker)
    assert keys(rack) == [("coredns", ["tolerations"])]


def test_the_api_is_found_at_its_own_address_and_behind_it_at_each_control_plane(rack):
    three = {name: rack.machine(name).model_copy(update={"roles": rack.leader.roles}) for name in ("chick1", "chick2")}
    given = Keepalived.model_validate({"virtual_ipaddress": "10.0.0.10"})
    rack = replace(rack, machines={**rack.machines, **three}, cluster=rack.cluster.model_copy(update={"keepalived": given}))
    found = {name: [str(one) for one in endpoint_addresses(rack, rack.machine(name))] for name in ("rooster", "chick1", "chick3")}
    virtual, first, second, third = "10.0.0.10", "10.0.0.100", "10.0.0.101", "10.0.0.102"
    assert found == {"rooster": [virtual, first, second, third], "chick1": [second, virtual, first, third],
                     "chick3": [virtual, first, second, third]}
    without = replace(rack, cluster=rack.cluster.model_copy(update={"keepalived": None}))
    assert [str(one) for one in endpoint_addresses(without, without.machine("chick3"))] == [first, second, third]
    by_name = {name: {resource.name: resource for _, resource in wanted(rack, name)} for name in ("chick0", "chick1")}
    texts = [by_name[name]["file /etc/coop/keepalived.conf"].content for name in ("chick0", "chick1")]
    assert texts[0] == (CASES.parent / "endpoint/keepalived.conf").read_text()
    assert "priority 26\n" in texts[1]
    left = {resource.name: resource for _, resource in wanted(rack.without(rack.machine("chick0")), "chick1")}
    assert left["file /etc/coop/keepalived.conf"].content == texts[1]  # who leaves changes none of the others
    assert by_name["chick0"]["file /etc/systemd/system/coop-endpoint.service"].content == \
        (CASES.parent / "endpoint/coop-endpoint.service").read_text()
    assert not any(address in text for address in (first, second, third) for text in texts)  # a newcomer changes none of the others


def test_every_control_plane_has_the_files_of_what_was_applied(rack):
    """So that the cluster can be asked through any, and nothing has to change."""
    more = {name: rack.machine(name).model_copy(update={"roles": rack.leader.roles}) for name in ("chick1", "chick2")}
    rack = replace(rack, machines={**rack.machines, **more})
    steps = {step.name: step for step in rack_steps(rack)}
    assert [machine.name for machine in steps["manifests"].machines] == ["chick1", "chick2"]
    first, other = rack.leader, steps["manifests"].machines[0]
    wanted = {one.name for name in ("pod network", "load balancer", "storage", "homes", "addresses")
              for one in steps[name].role(rack, first) if isinstance(one, (Download, File))}
    assert {one.name for one in steps["manifests"].role(rack, other)} == wanted
