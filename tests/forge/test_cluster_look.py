"""What the doctor and cluster.status ask of a cluster, on a real API server: every kind of object is told, and read again."""

from pathlib import Path

import pytest
from api_server import api_server

from fabfile.facts.cluster import parse
from fabfile.programs import shell

OBJECTS = (Path(__file__).parent / "cluster_look.yaml").read_text()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("look")) as api:
        api.shell("kubectl create namespace kube-node-lease --dry-run=client -o yaml | kubectl apply -f -")
        api.shell(f"kubectl apply -f - <<'X'\n{OBJECTS}\nX")
        yield parse(api.shell("set +e\n" + shell("nodes", "cluster", kubeconfig=api.kubeconfig)))


def test_the_api_server_answers(state):
    assert state.api
    [node] = state.nodes
    assert (node.name, node.ready, node.schedulable, node.bgp_address) == ("chick0", False, False, "10.0.0.100/24")


def test_every_kind_is_told(state):
    service = state.services["hub/proxy"]
    assert (service.kind, service.address, service.wanted) == ("LoadBalancer", "", "10.0.1.54")
    assert state.services["kube-system/kube-dns"].cluster_ip == "10.96.0.10"
    assert state.ready_endpoints("kube-system/kube-dns") == 1 and state.ready_endpoints("hub/proxy") == 0
    assert state.of_kind("Deployment")["kube-system/coredns"] == ("0", "0")
    assert state.of_kind("PersistentVolumeClaim")["hub/claim-ada"][:2] == ("Pending", "homes")
    assert state.of_kind("StorageClass") == {"homes": ("true",), "local": ("-",)}
    assert state.of_kind("ValidatingWebhookConfiguration")["metallb"] == ("metallb-system/webhook",)
    assert state.of_kind("Lease")["kube-node-lease/chick0"] == ("2026-11-23T19:59:58Z",) or \
        state.of_kind("Lease")["kube-node-lease/chick0"][0].startswith("2026-11-23T19:59:58")
    assert state.of_kind("Namespace")["hub"] == ("Active", "-")
    assert state.of_kind("APIService")["v1.apps"][0] == "True"
    assert "forward" in state.corefile and state.pools is None and state.ca == ""


def test_a_pod_that_waits_is_told_with_its_age(state):
    [pod] = [pod for pod in state.pods if pod.name == "hub-1"]
    assert (pod.namespace, pod.node, pod.state, pod.ending) == ("hub", "chick0", "Pending", "") and pod.since.startswith("20")
