"""What Coop makes kubectl and helm ask and do, on a real API server: labels and taints, pods for GPUs, what left the files."""

import re
from dataclasses import replace

import pytest
import yaml
from api_server import api_server

from fabfile.resources import File, NodeSettings, PrunedObjects, PrunedReleases
from fabfile.roles.gpu import runtime_class
from fabfile.roles.manifests import kustomization
from fabfile.roles.quotas import quotas
from tests.unit.small_rack import small_rack

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


def given(api, *objects: dict) -> None:
    api.shell(f"kubectl apply -f - <<'X'\n{yaml.safe_dump_all(objects)}X")


def node_of(api, name: str) -> tuple[dict, set[str]]:
    """Labels, but for Kubernetes' own; taints, but for those of its state."""
    found = yaml.safe_load(api.shell(f"kubectl get node {name} -o yaml"))
    taints = {f"{taint['key']}={taint.get('value', '')}:{taint['effect']}" for taint in found["spec"].get("taints", ())}
    return ({key: value for key, value in found["metadata"].get("labels", {}).items() if not key.startswith("kubernetes.io/")},
            {taint for taint in taints if not taint.startswith("node.kubernetes.io/")})


@pytest.fixture
def nodes(api):
    """chick0, a control plane as kubeadm makes it; chick1, and chick10 whose name begins like its."""
    for name in ("chick0", "chick1", "chick10"):
        given(api, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    api.shell(f"kubectl label --overwrite node chick0 {CONTROL_PLANE}= {EXCLUDED}=\n"
              f"kubectl taint --overwrite node chick0 {CONTROL_PLANE}:NoSchedule\n"
              "kubectl label --overwrite node chick1 mine=1; kubectl taint --overwrite node chick1 mine=1:PreferNoSchedule")
    yield
    api.shell("kubectl delete pods -n default --all --force; kubectl delete nodes chick0 chick1 chick10")


def settings(api, labels=None, taints=(), takes_pods=False) -> NodeSettings:
    return NodeSettings({"chick0": {}, "chick1": labels or {}, "chick10": {}, "chick7": {"no": "node"}},
                        {"chick1": taints} if taints else {}, {"chick0": takes_pods}, api.kubeconfig)


def test_labels_and_taints_come_and_go_and_others_stay(api, nodes):
    given(api, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "namespace": "default"},
                "spec": {"nodeName": "chick1", "containers": [{"name": "a", "image": "b"}]}})
    label, taint = api.apply(settings(api, {"gpu": "a100"}, ("gpu=a100:NoSchedule", "lesson:NoExecute")))
    assert label.interrupts == "" and taint.interrupts == "on chick1 pods without a controller end: default/lonely"
    assert node_of(api, "chick1") == ({"gpu": "a100", "mine": "1"},
                                      {"gpu=a100:NoSchedule", "lesson=:NoExecute", "mine=1:PreferNoSchedule"})
    assert node_of(api, "chick10") == ({}, set())
    api.shell("kubectl label --overwrite node chick1 gpu=none; kubectl taint node chick1 lesson-")
    assert [change.what for change in api.apply(settings(api, {"gpu": "a100"}, ("gpu=a100:NoSchedule", "lesson:NoExecute")))] == [
        "chick1: label gpu is none, changed outside Coop, should be a100",
        "chick1: taint lesson:NoExecute is absent, changed outside Coop"]
    api.apply(settings(api, {"gpu": "a200"}, ("gpu=a200:NoSchedule",)))
    assert node_of(api, "chick1") == ({"gpu": "a200", "mine": "1"}, {"gpu=a200:NoSchedule", "mine=1:PreferNoSchedule"})
    api.apply(settings(api))
    assert node_of(api, "chick1") == ({"mine": "1"}, {"mine=1:PreferNoSchedule"})


def test_a_control_plane_takes_pods_and_takes_none_again(api, nodes):
    api.apply(settings(api, takes_pods=True))
    assert node_of(api, "chick0") == ({CONTROL_PLANE: ""}, set())
    assert all(change.interrupts for change in api.apply(settings(api)))
    assert node_of(api, "chick0") == ({CONTROL_PLANE: "", EXCLUDED: ""}, {f"{CONTROL_PLANE}=:NoSchedule"})


def config_map(name: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "metallb-system"}}


def storage_class(name: str) -> dict:
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, "provisioner": "a/b"}


def deployment(name: str) -> dict:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "metallb-system"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}}}


@pytest.fixture
def kept(api, tmp_path):
    """Writes a set as Coop does, and applies it."""
    def write(name: str, mark: str, *objects: dict, apply: bool = True) -> str:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "kustomization.yaml").write_text(kustomization(mark, ["objects.yaml"], []))
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
        if apply:
            api.shell(f"kubectl apply --server-side --field-manager=coop -k {folder}")
        return str(folder)
    return write


def test_objects_that_left_the_files_go_and_others_stay(api, kept):
    given(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metallb-system"}}, storage_class("byhand"),
          {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "default"}, "spec": {
              "storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
    kept("storage-classes", "storage-classes", storage_class("homes"), storage_class("fast"))
    folder = kept("metallb", "metallb.v1", config_map("kept"), config_map("dropped"), deployment("controller"),
                  deployment("dropped"))
    own = {"storage-classes": ("StorageClass homes", "StorageClass fast")}

    def left(own=own, **vendors: str) -> PrunedObjects:
        return PrunedObjects(own, {name.replace("_", "."): path for name, path in vendors.items()}, kubeconfig=api.kubeconfig)

    assert api.plan(left(metallb_v1=folder)) == []
    own = {"storage-classes": ("StorageClass homes",)}
    [change] = api.apply(left(own, metallb_v1=folder))
    assert "fast" in change.what and "default/data" in change.interrupts
    assert api.shell("kubectl get sc -o name").split() == [f"storageclass.storage.k8s.io/{name}" for name in ("byhand", "homes")]
    assert "data" in api.shell("kubectl get pvc -o name")

    # a new version: as long as the disk has the old one's description, or none, nothing has left
    assert api.plan(left(own, metallb_v2=folder)) == [] == api.plan(left(own, metallb_v2="/nowhere"))
    kept("metallb", "metallb.v2", config_map("kept"), deployment("controller"))
    [change] = api.apply(left(own, metallb_v2=folder))
    assert change.what.endswith("Deployment metallb-system/dropped, ConfigMap metallb-system/dropped")
    assert "kept" in api.shell("kubectl get cm -n metallb-system -o name")

    api.shell("kubectl -n metallb-system label cm kept coop/set-")  # somebody's own from now on
    [change] = api.apply(left(own))
    assert change.interrupts == "Deployment metallb-system/controller is deleted, with its pods"
    assert "kept" in api.shell("kubectl get cm -n metallb-system -o name") and "metallb" in api.shell("kubectl get ns -o name")


CHART = """apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}
{{- if .Values.claim }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: "{{ .Release.Name }}-db"}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
{{- end }}
{{- if .Values.driver }}
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: nfs.csi.k8s.io}
{{- end }}
"""


def test_releases_that_left_the_files_end_and_their_claims_stay(api, tmp_path):
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: toy\nversion: 1.0.0\n")
    (chart / "templates/all.yaml").write_text(CHART)

    def released(name: str, values: str = "a=b", marked: bool = True) -> None:
        api.shell(f"helm upgrade --install {name} {chart} -n {name} --create-namespace --hide-notes --set {values}"
                  + (" --labels coop=abc" if marked else ""))

    for name, values in (("hub", "claim=true"), ("staging", "claim=true"), ("plain", "a=b"), ("csi", "driver=true")):
        released(name, values)
    released("mine", marked=False)
    given(api, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "volume"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"],
        "csi": {"driver": "nfs.csi.k8s.io", "volumeHandle": "a"}}})
    assert api.plan(PrunedReleases(("hub/hub", "staging/staging", "plain/plain"), api.kubeconfig)) == []  # a volume needs csi
    told = [change.interrupts for change in api.apply(PrunedReleases(("hub/hub",), api.kubeconfig))]
    assert told == ["release plain in plain ends, with the pods of Deployment plain",
                    "release staging in staging ends, with the pods of Deployment staging; claims stay: staging-db"]
    assert set(api.shell("helm list -A -q").split()) == {"hub", "csi", "mine"}
    assert api.shell("kubectl get pvc -n staging -o name").strip() == "persistentvolumeclaim/staging-db"
    claim = api.shell("kubectl get pvc -n staging staging-db -o jsonpath={.metadata.uid}")
    released("staging", "claim=true")  # again: it finds its claim
    assert api.shell("kubectl get pvc -n staging staging-db -o jsonpath={.metadata.uid}") == claim


def gpu_pod(name: str, **spec) -> dict:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "hub"}, "spec": {
        "containers": [{"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": "1"}}}], **spec}}


def test_pods_that_name_the_runtime_class_go_to_gpus_as_many_as_the_quota_says(api, kept):
    """No controller counts what is used, so the quota's status is written here; what the API server makes of it is real."""
    hub = small_rack().services["hub"]
    rack = replace(small_rack(), services={"hub": hub.model_copy(update={"quota": {"requests.nvidia.com/gpu": 1}, "namespace": "hub"})})
    files = {resource.path: resource.content for resource in quotas(rack, rack.leader) if isinstance(resource, File)}
    kept("quotas", "quotas", *yaml.safe_load_all(files["/etc/coop/manifests/quotas/objects.yaml"]))
    kept("gpus", "gpus", runtime_class())
    status = '{"status": {"hard": {"requests.nvidia.com/gpu": "1"}, "used": {"requests.nvidia.com/gpu": "0"}}}'
    api.shell(f"kubectl -n hub patch resourcequota coop --subresource=status --type=merge -p '{status}'")

    given(api, gpu_pod("first", runtimeClassName="nvidia"))
    made = yaml.safe_load(api.shell("kubectl -n hub get pod first -o yaml"))["spec"]
    assert made["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in made["tolerations"]
    refused = api.shell(f"kubectl create -f - 2>&1 <<'X' || :\n{yaml.safe_dump(gpu_pod('second', runtimeClassName='nvidia'))}X")
    assert "exceeded quota: coop, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=1" in refused

    gone = api.plan(PrunedObjects({}, kubeconfig=api.kubeconfig))
    told = " ".join(change.what for change in gone)
    assert {"RuntimeClass nvidia", "ResourceQuota hub/coop"} <= set(re.findall(r"[A-Z]\w+ [\w/]+", told))
    api.shell("kubectl delete runtimeclass nvidia; kubectl -n hub delete resourcequota coop; kubectl -n hub delete pod first --force")
