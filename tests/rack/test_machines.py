"""Single machines have labels, taints and kubelet settings of their own, a control plane may be a worker, too; and
what leaves the files goes when somebody agrees. What was made by hand stays."""

import re

import pytest
from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
BUSYBOX = "docker.io/library/busybox:1.37"
KEPT_OFF = "node-role.kubernetes.io/control-plane:NoSchedule"


@pytest.fixture(scope="module")
def files(bootstrapped, operator):
    """Changes a file of the rack; all are as they were afterwards, and so is the rack."""
    rack, texts = bootstrapped.rack, {}

    def change(name: str, old: str, new: str) -> None:
        path = rack / name
        texts.setdefault(path, path.read_text() if path.exists() else None)
        text = path.read_text() if path.exists() else ""
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    yield change
    for path, text in texts.items():
        path.write_text(text) if text is not None else path.unlink(missing_ok=True)
    operator.bootstrap("--yes")


@pytest.fixture
def kubectl(inside):
    return lambda words, check=True: inside("chick0", f"{KUBECTL} {words}", check=check)


@pytest.fixture
def node(kubectl):
    """Labels, and taints as "KEY=VALUE:EFFECT" or "KEY:EFFECT"."""
    def ask(name: str) -> tuple[dict[str, str], set[str]]:
        labels = kubectl(f"get node {name} -o go-template='{{{{range $k, $v := .metadata.labels}}}}{{{{$k}}}}={{{{$v}}}} {{{{end}}}}'")
        taints = kubectl(f"get node {name} -o go-template='{{{{range .spec.taints}}}}{{{{.key}}}}{{{{with .value}}}}={{{{.}}}}{{{{end}}}}:"
                         "{{.effect}} {{end}}'")
        return dict(label.split("=", 1) for label in labels.split()), set(taints.split())
    return ask


def machine(name: str, keys: str) -> tuple[str, str]:
    """An entry of hosts.yaml without, and with more keys."""
    return f"  {name}:\n", f"  {name}:\n{keys}"


def changes(plan: dict, resource: str) -> list[str]:
    return [change["what"] for change in plan["plan"] if change["resource"] == resource]


def nodes(operator, *words: str, code: int = 0) -> dict:
    """The step of labels and taints alone: the rest of a bootstrap has nothing to do with it."""
    return operator.bootstrap("--only", "nodes", *words, code=code)


NODES, LEFT, RELEASES = "labels and taints of nodes", "objects no longer in the files", "releases no longer in the files"


def test_a_label_and_a_taint_of_one_machine(files, operator, kubectl, node):
    kubectl("label node chick1 mine=1")
    kubectl("taint node chick1 mine=1:PreferNoSchedule")
    files("hosts.yaml", *machine("chick1", "    labels: {gpu: a100}\n    taints: [{key: gpu, value: a100, effect: NoSchedule}]\n"))
    plan = operator.bootstrap("--dry", code=3)
    assert changes(plan, NODES) == ["chick1: label gpu is absent, should be a100", "chick1: taint gpu=a100:NoSchedule is absent"]
    assert len(plan["plan"]) == 2
    operator.bootstrap()
    labels, taints = node("chick1")
    assert (labels["gpu"], labels["mine"], taints) == ("a100", "1", {"gpu=a100:NoSchedule", "mine=1:PreferNoSchedule"})
    assert operator.bootstrap()["changes"] == 0


def test_what_kubectl_changed_is_reported_and_put_back(files, operator, kubectl, node):
    kubectl("label --overwrite node chick1 gpu=none")
    kubectl("taint node chick1 gpu:NoSchedule-")
    assert changes(nodes(operator, "--dry", code=3), NODES) == [
        "chick1: label gpu is none, changed outside Coop, should be a100",
        "chick1: taint gpu=a100:NoSchedule is absent, changed outside Coop"]
    nodes(operator)
    assert node("chick1")[0]["gpu"] == "a100" and "gpu=a100:NoSchedule" in node("chick1")[1]


def test_a_taint_that_ends_pods_asks_first(files, operator, kubectl, node):
    kubectl(f"run lonely --image={BUSYBOX} --restart=Never --overrides='"
            '{"spec": {"nodeName": "chick1", "terminationGracePeriodSeconds": 0}}' "' -- sleep 9999")
    kubectl("wait --for=condition=Ready pod/lonely --timeout=120s")
    files("hosts.yaml", "effect: NoSchedule}]", "effect: NoSchedule}, {key: lesson, effect: NoExecute}]")
    [change] = nodes(operator, "--dry", code=3)["plan"]
    assert "pods without a controller end: default/lonely" in change["interrupts"]
    assert "default/lonely" in operator.inv("cluster.bootstrap", "--only", "nodes", code=1).said  # nobody agreed
    assert "lesson:NoExecute" not in node("chick1")[1] and "Running" in kubectl("get pod lonely")
    nodes(operator, "--yes")
    assert "lesson:NoExecute" in node("chick1")[1]
    wait_until("the pod is gone", lambda: not kubectl("get pod lonely --ignore-not-found -o name").strip())
    assert nodes(operator)["changes"] == 0


def test_what_left_hosts_yaml_is_taken_away_and_what_hands_made_stays(files, operator, kubectl, node, bootstrapped):
    hosts = bootstrapped.rack / "hosts.yaml"
    hosts.write_text(re.sub(r"    (labels|taints): .*\n", "", hosts.read_text()))
    nodes(operator)
    labels, taints = node("chick1")
    assert "gpu" not in labels and labels["mine"] == "1" and taints == {"mine=1:PreferNoSchedule"}
    assert nodes(operator)["changes"] == 0
    kubectl("label node chick1 mine-")
    kubectl("taint node chick1 mine-")


def test_kubelet_of_one_machine(files, operator, kubectl):
    def most_pods(name: str) -> str:
        return kubectl(f"get node {name} -o 'jsonpath={{.status.capacity.pods}}'")

    before = most_pods("chick1")
    files("hosts.yaml", *machine("chick2", "    KubeletConfiguration: {maxPods: 77}\n"))
    plan = operator.bootstrap("--dry", code=3)["plan"]
    assert {change["machine"] for change in plan} == {"chick2"} and any("maxPods" in change["what"] for change in plan)
    assert "kubelet restarts on chick2" in operator.inv("cluster.bootstrap", code=1).said
    operator.bootstrap("--yes")
    wait_until("chick2 takes 77 pods", lambda: most_pods("chick2") == "77")
    assert most_pods("chick1") == before
    assert operator.bootstrap("--dry")["changes"] == 0
    files("hosts.yaml", "    KubeletConfiguration: {maxPods: 77}\n", "")
    operator.bootstrap("--yes")
    wait_until("chick2 takes as many as the others", lambda: most_pods("chick2") == before)


def test_a_newcomer_has_its_taints_and_kubelet_settings_from_the_first_moment(files, bootstrapped, operator, inside, node,
                                                                              kubectl):
    bootstrapped.add_spare()
    files("hosts.yaml", *machine("chick11", "    labels: {room: north}\n    taints: [{key: room, value: north, effect: NoExecute}]\n"
                                            "    KubeletConfiguration: {maxPods: 33}\n"))
    try:
        operator.inv("node.add", "chick11")
        assert "--register-with-taints=room=north:NoExecute" in inside("chick11", "cat /var/lib/kubelet/kubeadm-flags.env")
        assert kubectl("get node chick11 -o 'jsonpath={.status.capacity.pods}'") == "33"
        assert kubectl("get node chick1 -o 'jsonpath={.status.capacity.pods}'") != "33"
        assert node("chick11")[0]["room"] == "north" and node("chick11")[1] == {"room=north:NoExecute"}
        assert operator.bootstrap("--dry")["changes"] == 0
        # it is noted as Coop's: it goes with the file
        files("hosts.yaml", "    taints: [{key: room, value: north, effect: NoExecute}]\n", "")
        nodes(operator)
        assert node("chick11")[1] == set()
    finally:
        operator.inv("node.remove", "chick11", "--yes", code=None)
        hosts = bootstrapped.rack / "hosts.yaml"
        hosts.write_text(hosts.read_text().partition("  chick11:\n")[0])


def test_a_control_plane_becomes_a_worker_and_is_one_no_more(files, operator, kubectl, node):
    files("hosts.yaml", "roles: [control-plane]", "roles: [control-plane, worker]")
    assert len(changes(nodes(operator, "--dry", code=3), NODES)) == 2
    nodes(operator)
    labels, taints = node("chick0")
    assert taints == set() and "node.kubernetes.io/exclude-from-external-load-balancers" not in labels
    kubectl(f"run guest --image={BUSYBOX} --restart=Never --overrides='"
            '{"spec": {"nodeSelector": {"kubernetes.io/hostname": "chick0"}, "terminationGracePeriodSeconds": 0}}' "' -- sleep 9999")
    kubectl("wait --for=condition=Ready pod/guest --timeout=120s")
    assert nodes(operator)["changes"] == 0
    files("hosts.yaml", "roles: [control-plane, worker]", "roles: [control-plane]")
    assert "no new pods start there" in operator.inv("cluster.bootstrap", "--only", "nodes", code=1).said
    assert node("chick0")[1] == set()
    nodes(operator, "--yes")
    assert node("chick0")[1] == {KEPT_OFF}
    assert "Running" in kubectl("get pod guest")
    assert nodes(operator)["changes"] == 0
    kubectl("delete pod guest --wait=false")


def test_a_storage_class_that_leaves(files, operator, kubectl):
    kubectl("apply -f - <<X\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: byhand}\nprovisioner: a/b\nX")
    files("configs/storage.yaml", "classes:\n", "classes:\n  extra: {directory: /var/lib/containerd/extra}\n")
    operator.bootstrap()
    kubectl("apply -f - <<X\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: kept, namespace: default}\n"
            "spec: {storageClassName: extra, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}\nX")
    files("configs/storage.yaml", "  extra: {directory: /var/lib/containerd/extra}\n", "")
    plan = operator.bootstrap("--dry", code=3)
    [change] = [change for change in plan["plan"] if change["resource"] == LEFT]
    assert "StorageClass extra" in change["what"] and "default/kept" in change["interrupts"]
    operator.inv("cluster.bootstrap", code=1)
    assert "extra" in kubectl("get storageclass -o name")
    operator.bootstrap("--yes")
    classes = kubectl("get storageclass -o name")
    assert "extra" not in classes and "byhand" in classes
    assert "kept" in kubectl("get persistentvolumeclaim -n default -o name")
    assert operator.bootstrap()["changes"] == 0
    kubectl("delete persistentvolumeclaim/kept storageclass/byhand --wait=false")


def test_a_service_and_a_name_that_leave(files, operator, inside, kubectl, bootstrapped):
    helm = "KUBECONFIG=/home/spicy/.kube/config helm"
    path = bootstrapped.rack / "configs/services.yaml"
    path.write_text('services:\n  notice:\n    chart: {name: lab-notice, version: 1.0.0, repository: "https://charts.flock.example/"}\n'
                    "    publish: notice.flock.example\n    service: service\n    values: {text: Open.}\n")
    files("configs/network.yaml", "publish:\n",
          "publish:\n  notice.flock.example: {address: 10.0.1.55, public: 128.120.136.54, ports: [80]}\n")
    operator.bootstrap()
    inside("rooster", f"{helm} upgrade --install byhand /var/lib/coop/charts/lab-notice-1.0.0.tgz -n byhand --create-namespace")
    path.unlink()
    files("configs/network.yaml", "  notice.flock.example: {address: 10.0.1.55, public: 128.120.136.54, ports: [80]}\n", "")
    plan = operator.bootstrap("--dry", code=3)
    told = {change["resource"]: change["interrupts"] for change in plan["plan"]}
    assert "release notice in notice ends" in told[RELEASES]
    assert told["file /etc/nginx/nginx.conf"] == "nobody reaches notice.flock.example through rooster any longer"
    operator.inv("cluster.bootstrap", code=1)
    assert "notice.flock.example" in inside("rooster", "cat /etc/nginx/nginx.conf")
    assert "notice" in inside("rooster", f"{helm} list -A -q")
    operator.bootstrap("--yes")
    assert set(inside("rooster", f"{helm} list -A -q").split()) >= {"byhand"}
    assert "notice" not in inside("rooster", f"{helm} list -A -q")
    assert "notice.flock.example" not in inside("rooster", "cat /etc/nginx/nginx.conf")
    assert operator.bootstrap()["changes"] == 0
    inside("rooster", f"{helm} uninstall byhand -n byhand")
