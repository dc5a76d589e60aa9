"""What Calico's own Felix makes of organisations: whose packets reach which pods, and with which address they leave their node."""

import time
from pathlib import Path

import pytest
import yaml
from api_server import api_server
from felix import NODE, NODES, ROOSTER, felix, kube_proxy
from test_organisations_api import take_kinds

from fabfile.resources import File
from fabfile.roles.organisations import organisations
from fabfile.upstream import documents, kubeadm
from tests.unit.test_organisations import BIOLOGY, COMMON, PHYSICS, made

SPACES = ("biology", "physics", "default")
AT = {("biology", "server"): "10.245.0.5", ("biology", "caller"): "10.245.0.6", ("physics", "server"): "10.245.4.5",
      ("physics", "caller"): "10.245.4.6", ("default", "server"): "10.244.1.5", ("default", "caller"): "10.244.1.6"}


def opened(space: str) -> dict:
    """A policy that lets everybody in to a server, as a chart's or a person's may. Callers have none."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open", "namespace": space},
            "spec": {"podSelector": {"matchLabels": {"probe": "server"}}, "policyTypes": ["Ingress"], "ingress": [{}]}}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """An API server with the objects of two organisations, the namespaces of pods, and rooster's."""
    folder = tmp_path_factory.mktemp("api")
    rack = made(tmp_path_factory.mktemp("two"), COMMON + BIOLOGY + PHYSICS)
    [text] = [one.content for one in organisations(rack, rack.leader) if isinstance(one, File) and one.path.endswith("objects.yaml")]
    pool = {"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": "default-ipv4-ippool"},
            "spec": documents.calico_pool(rack)}
    applied = [one for one in yaml.safe_load_all(text) if one["kind"] != "ResourceQuota"]  # which no controller would count
    with api_server(folder) as api:
        take_kinds(api, folder)
        file = folder / "objects.yaml"
        file.write_text(yaml.safe_dump_all([*applied, pool, *map(opened, SPACES)]))
        api.shell(f"kubectl apply -f {file}")
        with felix(api, folder, AT) as (pods, rooster):
            yield api, pods, rooster


@pytest.mark.parametrize("caller", SPACES)
@pytest.mark.parametrize("server", SPACES)
def test_pods_of_an_organisation_are_reached_by_its_own_alone(node, caller, server):
    """Although a policy lets everybody in. Pods of no organisation are reached as their policies say."""
    _, pods, _ = node
    reached = server == "default" or caller == server
    assert pods[caller, "caller"].calls(AT[server, "server"]) == (AT[caller, "caller"] if reached else "")


def test_what_has_no_policy_of_its_own_is_reached_by_nobody(node):
    _, pods, _ = node
    assert pods["biology", "server"].calls(AT["biology", "caller"]) == ""
    assert pods["default", "server"].calls(AT["default", "caller"]) == AT["default", "server"]


def test_rooster_reaches_what_a_policy_opens(node):
    _, _, rooster = node
    assert rooster.calls(AT["biology", "server"]) == ROOSTER


@pytest.mark.parametrize("space", SPACES)
def test_pods_of_organisations_leave_their_node_with_their_own_address(node, space):
    _, pods, _ = node
    assert pods[space, "caller"].calls(ROOSTER) == (NODES if space == "default" else AT[space, "caller"])


def service(space: str, address: str) -> list[dict]:
    """One in front of a server; its endpoint, which no controller would find."""
    slice_ = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"name": "", "port": 8080}],
              "metadata": {"name": "server", "namespace": space, "labels": {"kubernetes.io/service-name": "server"}},
              "endpoints": [{"addresses": [AT[space, "server"]], "conditions": {"ready": True}, "nodeName": NODE}]}
    return [slice_, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": space},
                     "spec": {"clusterIP": address, "ports": [{"port": 8080}]}}]


SERVICES = {"biology": "10.96.0.71", "physics": "10.96.0.72", "default": "10.96.0.73"}


def test_by_a_service_a_pod_is_seen_by_its_own_address_and_kept_out_like_by_the_pods(node, tmp_path_factory):
    """With kube-proxy's own way to tell pods by one range, an organisation's would be seen by their node's."""
    api, pods, _ = node
    services = [one for space, address in SERVICES.items() for one in service(space, address)]
    api.shell(f"kubectl apply -f - <<'X'\n{yaml.safe_dump_all(services)}X")
    folder, pairs = Path(api.kubeconfig).parent, [(caller, server) for caller in SPACES for server in SPACES]
    with kube_proxy(api, folder, kubeadm.kube_proxy_configuration(made(tmp_path_factory.mktemp("two"), COMMON + BIOLOGY + PHYSICS))):
        seen = {(caller, server): pods[caller, "caller"].calls(SERVICES[server]) for caller, server in pairs}
    assert seen == {(caller, server): AT[caller, "caller"] if server in ("default", caller) else "" for caller, server in pairs}
    with kube_proxy(api, folder, kubeadm.kube_proxy_configuration(made(tmp_path_factory.mktemp("none"), None))):
        assert pods["biology", "caller"].calls(SERVICES["biology"]) not in ("", AT["biology", "caller"])


def test_it_is_the_policy_that_keeps_them_apart(node):
    api, pods, _ = node
    api.shell("kubectl delete globalnetworkpolicies.crd.projectcalico.org default.organisation-physics")
    time.sleep(5)
    assert pods["biology", "caller"].calls(AT["physics", "server"]) == AT["biology", "caller"]
    assert pods["physics", "caller"].calls(AT["biology", "server"]) == ""
