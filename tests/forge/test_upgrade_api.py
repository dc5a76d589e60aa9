"""What an upgrade asks of a cluster, and what takes a node out of service, on a real API server."""

import base64
import gzip
import json

import pytest
import yaml
from api_server import api_server

from fabfile.facts.upgrading import Budget, NodeSeen, PodSeen, parse_cluster
from fabfile.programs import shell
from fabfile.resources import Cordoned, Drained, InService, OutOfService, Uncordoned
from fabfile.upstream.paths import ADMIN_CONF


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


def pod(name: str, owner: str = "", **annotations: str) -> dict:
    metadata = {"name": name, "namespace": "default", "annotations": annotations, "labels": {"app": "web"} if owner else {}}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "u", "controller": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"nodeName": "chick1", "containers": [{"name": "a", "image": "b"}]}}


def status(api, kind: str, name: str, value: dict) -> None:
    api.shell(f"kubectl patch {kind} {name} --subresource=status --type=merge -p '{json.dumps({'status': value})}'")


@pytest.fixture(scope="module")
def cluster(api):
    """Two nodes, a student's server and two pods of a ReplicaSet with a budget that has no room; a release."""
    config = {"kubernetesVersion": "v1.36.3", "apiServer": {}}
    chart = base64.b64encode(gzip.compress(json.dumps({"chart": {"metadata": {"name": "a", "kubeVersion": ">=1.28.0-0"}}}).encode()))
    objects = [
        *({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in ("chick0", "chick1")),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
         "data": {"ClusterConfiguration": yaml.safe_dump(config)}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "calico-node", "namespace": "kube-system"},
         "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
             "containers": [{"name": "calico-node", "image": "quay.io/calico/node:v3.28.5"}]}}}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sh.helm.release.v1.hub.v3", "namespace": "default", "labels": {
            "owner": "helm", "status": "deployed"}}, "data": {"release": base64.b64encode(chart).decode()}},
        pod("jupyter-ada", **{"hub.jupyter.org/username": "ada"}), pod("web-1", "ReplicaSet"), pod("web-2", "ReplicaSet"),
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "default"},
         "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}},
    ]
    api.shell(f"kubectl apply -f - <<'X'\n{yaml.safe_dump_all(objects)}X")
    info = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion", "operatingSystem",
                          "architecture"), "") | {"kubeletVersion": "v1.36.3", "containerRuntimeVersion": "containerd://2.3.7"}
    for name, ready in (("chick0", "True"), ("chick1", "Unknown")):
        status(api, "node", name, {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": info})
    for name in ("jupyter-ada", "web-1", "web-2"):
        status(api, "pod", name, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
    status(api, "poddisruptionbudget", "web", {"expectedPods": 2, "desiredHealthy": 2, "currentHealthy": 2, "disruptionsAllowed": 0,
                                               "observedGeneration": 1})
    return api


def asked(api):
    return parse_cluster(api.shell(shell("upgrade_cluster", kubeconfig=api.kubeconfig, nodes="chick0 chick1", patience="5")))


def test_what_an_upgrade_asks_of_a_cluster(cluster):
    state = "kubectl get nodes,pods -A -o yaml | grep resourceVersion"
    before = cluster.shell(state)
    seen = asked(cluster)
    assert not seen.failed
    assert (seen.configured, seen.calico, seen.releases) == ("1.36.3", "v3.28.5", {"default/hub": ">=1.28.0-0"})
    assert seen.nodes == (NodeSeen("chick0", True, "1.36.3", "2.3.7"), NodeSeen("chick1", False, "1.36.3", "2.3.7"))
    assert set(seen.pods) == {PodSeen("chick1", "default/jupyter-ada", "", "ada"), PodSeen("chick1", "default/web-1", "ReplicaSet"),
                              PodSeen("chick1", "default/web-2", "ReplicaSet")}
    assert seen.budgets == (Budget("default/web", 2, 2),) and seen.budgets[0].never
    assert {node for node, _ in seen.undrainable} == {"chick1"}  # the budget has no room
    assert all("disruption budget" in said or "timeout" in said for _, said in seen.undrainable), seen.undrainable
    assert cluster.shell(state) == before  # nothing was touched


def made(api, resource) -> list[str]:
    """Its changes, by the kubeconfig of this API server."""
    def here(text: str) -> str:
        return text.replace(ADMIN_CONF, api.kubeconfig)

    changes = list(resource.changes(api.shell(here(resource.probe())), frozenset()))
    for change in changes:
        for command in change.commands:
            api.shell(here(command.script))
    return [change.what for change in changes]


def test_a_cordon_of_ours_is_seen_and_a_drain_that_a_budget_forbids_is_none(cluster):
    assert made(cluster, Cordoned("chick1")) and asked(cluster).nodes[1].cordoned_by_us
    with pytest.raises(AssertionError):
        made(cluster, Drained("chick1", force=True, limit=3))
    assert made(cluster, Uncordoned("chick1")) and not asked(cluster).nodes[1].cordoned_by_us


def test_a_dead_node_goes_out_of_service_and_comes_back(cluster):
    def taints() -> str:
        return cluster.shell("kubectl get node chick1 -o 'jsonpath={range .spec.taints[*]}{.key}={.value}:{.effect} {end}'")

    assert made(cluster, OutOfService("chick1", "words")) == ["chick1 should be out of service"]
    assert "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute" in taints()
    assert made(cluster, OutOfService("chick1", "words")) == []
    with pytest.raises(AssertionError):  # it is not Ready
        made(cluster, InService("chick1"))
    status(cluster, "node", "chick1", {"conditions": [{"type": "Ready", "status": "True"}]})
    assert made(cluster, InService("chick1")) == ["chick1 should be in service again"]
    assert "out-of-service" not in taints() and made(cluster, InService("chick1")) == []


def test_what_is_left_on_a_dead_node_is_named(cluster):
    text = shell("evicted", node="chick1", kubeconfig=cluster.kubeconfig, notice="note: ")
    cluster.shell("kubectl delete pod jupyter-ada --wait=false")  # no kubelet ends it
    ada, *others = sorted(cluster.shell(f"( {text} ) || :").splitlines())
    assert ada.startswith("default/jupyter-ada is Terminating since 20")
    assert others == ["default/web-1 is still on chick1", "default/web-2 is still on chick1"]
    cluster.shell("kubectl delete pods --all --force --grace-period=0 2>/dev/null")
    assert cluster.shell(text) == ""
