"""Kubernetes goes to the next minor, on one control plane and on three; killed on the way, it goes on where it was.

The lab's internet publishes that minor, too (--extras kubernetes-next). A student has a server on the last machine; the hub
answers throughout, and never are two nodes away.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from conftest import ENDPOINT, silences, wait_until

SOME, ALL = 1, 3  # how many control planes: the run is killed at some points, or at all of them
BEFORE, TARGET = "1.36.3", "1.37.0"
HUB = "jupyter.flock.example"
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
CHICKS = ("chick0", "chick1", "chick2")
SERVER = """
apiVersion: v1
kind: Pod
metadata: {name: jupyter-ada, namespace: default, annotations: {hub.jupyter.org/username: ada}}
spec:
  nodeName: chick2
  tolerations: [{operator: Exists}]
  containers: [{name: notebook, image: "docker.io/library/busybox:1.37", command: [sleep, "36000"]}]
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: never, namespace: kube-system}
spec: {maxUnavailable: 0, selector: {matchLabels: {k8s-app: kube-dns}}}
"""
TESTED = """\
  - {kubernetes: "1.37", calico: "3.28", because: these tests bring the pair up and look at pods' traffic}
  - {kubernetes: "1.37", containerd: "2.3", because: these tests bring the pair up}
"""


@pytest.fixture(scope="module", params=[SOME, ALL], ids=["one control plane", "three"])
def planes(request, lab, operator):
    """Empty machines, bootstrapped with the former version; how many control planes they have."""
    lab.reset()
    files = [lab.rack / name for name in ("hosts.yaml", "configs/versions.yaml", "configs/cluster.yaml")]
    hosts, _, cluster = files
    texts = {file: file.read_text() for file in files}
    if request.param == ALL:
        hosts.write_text(texts[hosts].replace("roles: [worker]", "roles: [control-plane]"))
        cluster.write_text(texts[cluster].replace(
            f"endpoint: {ENDPOINT}\n", f"endpoint: {ENDPOINT}\nkeepalived: {{virtual_ipaddress: 10.0.0.10}}\n"))
    operator.inv("cluster.bootstrap")
    yield request.param
    for file, text in texts.items():
        file.write_text(text)


@pytest.fixture(scope="module")
def next_minor(planes, lab, inside):
    """versions.yaml names it, and a student has a server on the last machine."""
    file = lab.rack / "configs/versions.yaml"
    text = file.read_text().replace(BEFORE, TARGET).replace("v1.36/", "v1.37/")
    file.write_text(re.sub(r"(?s)^tested_here:\n.*", f"tested_here:\n{TESTED}", text, flags=re.MULTILINE))
    inside("chick0", f"{KUBECTL} apply -f - <<'END'\n{SERVER}\nEND")
    return text


@pytest.fixture
def versions(inside):
    """What runs on each chick: kubelet, and the API server where there is one; and what is installed and held."""
    def ask() -> dict[str, str]:
        return {name: inside(name, "kubelet --version; sed -n 's/.*image: .*apiserver:/api /p' "
                             "/etc/kubernetes/manifests/kube-apiserver.yaml 2>/dev/null; apt-mark showhold", check=False)
                for name in CHICKS}
    return ask


@dataclass
class Watched(threading.Thread):
    """Asks each second which nodes are away or cordoned, and what the hub's health is."""

    inside: object
    planes: int
    together: list[str] = field(default_factory=list)  # moments with two nodes away
    hub: list[str] = field(default_factory=list)  # answers of the hub that were none

    def __post_init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()

    def __hash__(self):
        return id(self)

    def run(self):
        service = ""
        while not self.ended.wait(1.0):
            nodes = next(filter(None, (self.inside(name, f"timeout 5 {KUBECTL} --request-timeout=3s get nodes --no-headers "
                                                   "2>/dev/null", check=False) for name in CHICKS[:self.planes])), "")
            if not nodes:
                continue
            away = re.findall(r"^(\S+) +(?:NotReady|\S*SchedulingDisabled)", nodes, re.MULTILINE)
            if len(away) > 1:
                self.together.append(" ".join(away))
            service = service or self.inside("chick0", f"{KUBECTL} -n hub get service proxy-public -o "
                                             "'jsonpath={.status.loadBalancer.ingress[0].ip}'", check=False)
            said = self.inside("rooster", "curl -sk --max-time 5 -o /dev/null -w '%{http_code}' "
                               f"--resolve {HUB}:443:{service} https://{HUB}/hub/health", check=False)
            if said != "200":
                self.hub.append(said)


@contextmanager
def watching(inside, planes: int) -> Iterator[Watched]:
    watched = Watched(inside, planes)
    watched.start()
    try:
        yield watched
    finally:
        watched.ended.set()
        watched.join()


def test_nothing_but_the_upgrade_upgrades(next_minor, operator, versions):
    before = versions()
    for words in (["cluster.bootstrap"], ["cluster.bootstrap", "--only", "prepare", "--yes"], ["cluster.bootstrap", "--limit", "chick2"]):
        typed = operator.inv(*words, code=2)
        assert f"the cluster runs v{BEFORE}" in typed.said and "inv cluster.upgrade" in typed.said
    assert versions() == before


def test_what_could_not_end_well_is_refused_and_nothing_is_touched(next_minor, operator, inside, versions):
    before = versions()
    assert "ada's server (default/jupyter-ada)" in operator.inv("cluster.upgrade", "--yes", code=2).said
    inside("chick0", "cp /etc/kubernetes/manifests/kube-scheduler.yaml /etc/kubernetes/manifests/kube-scheduler.yaml.bak")
    inside("chick0", f"{KUBECTL} apply -f - <<'END'\n{BUDGET}\nEND")
    inside("chick2", "systemctl stop kubelet")
    wait_until("chick2 is not Ready", lambda: "chick2 NotReady" in re.sub(" +", " ", inside(
        "chick0", f"{KUBECTL} get nodes --no-headers")), limit=120)
    said = operator.inv("cluster.upgrade", "--yes", "--force", code=2).said
    assert "manifests/kube-scheduler.yaml.bak on chick0 is none of kubeadm's" in said
    assert "PodDisruptionBudget kube-system/never never allows an eviction" in said
    assert "chick2 is not Ready" in said and "nothing was changed" in said
    inside("chick0", f"rm /etc/kubernetes/manifests/kube-scheduler.yaml.bak; {KUBECTL} -n kube-system delete pdb never")
    inside("chick2", "systemctl start kubelet")
    wait_until("chick2 is Ready", lambda: "NotReady" not in inside("chick0", f"{KUBECTL} get nodes --no-headers"), limit=120)
    assert versions() == before


def points(planes: int, inside) -> Iterator[tuple[str, object]]:
    """The points of an upgrade at which the run is killed, in the order in which they come."""
    def kubeadm_works(name: str) -> bool:
        return bool(inside(name, "ls /var/lib/coop/kubeadm-upgrade.begun 2>/dev/null", check=False))

    def is_drained(name: str) -> bool:
        return "SchedulingDisabled" in inside(
            name if planes == ALL else "chick0", f"{KUBECTL} --request-timeout=3s get nodes {name} --no-headers 2>/dev/null", check=False)

    def has(program: str, name: str) -> bool:
        return TARGET in inside(name, f"{program} {'version -o short' if program == 'kubeadm' else '--version'}", check=False)

    if planes == SOME:
        yield "kubeadm works on chick0", lambda: kubeadm_works("chick0")
        yield "chick0 is drained", lambda: is_drained("chick0")
        yield "chick2 has a new kubelet", lambda: has("kubelet", "chick2")
        return
    yield "etcd is saved", lambda: inside("chick0", f"ls /var/lib/coop/etcd/before-{TARGET}.db 2>/dev/null", check=False)
    yield "chick0 has a new kubeadm", lambda: has("kubeadm", "chick0")
    for name in CHICKS:
        yield f"kubeadm works on {name}", lambda name=name: kubeadm_works(name)
    yield "chick2's kubeadm has ended", lambda: not kubeadm_works("chick2")
    for name in CHICKS:
        yield f"{name} is drained", lambda name=name: is_drained(name)
        yield f"{name} has a new kubelet", lambda name=name: has("kubelet", name)


def killed_when(operator, what: str, true) -> None:
    """A run of the upgrade that does not end by itself."""
    run = operator.start("inv", "cluster.upgrade", "--force", "--yes")
    began = time.monotonic()
    try:
        wait_until(what, lambda: true() or run.poll() is not None, limit=900)
    finally:
        run.send_signal(signal.SIGKILL)
        said, _ = run.communicate(timeout=30)
    assert run.returncode == -signal.SIGKILL, f"it has ended before {what}:\n{said}"
    print(f"killed after {time.monotonic() - began:.0f} s: {what}")


def test_it_is_upgraded_though_it_is_killed_on_the_way(next_minor, planes, operator, inside, versions, calling):
    with calling(10) as answers, watching(inside, planes) as watched:
        began = time.time()
        operator.inv("cluster.upgrade", "--force", "--dry", code=3)
        for what, true in points(planes, inside):
            killed_when(operator, what, true)
        operator.inv("cluster.upgrade", "--force", "--yes")
        silent = silences(answers(), began)
    for name, found in versions().items():
        assert f"Kubernetes v{TARGET}" in found and all(f"\n{held}\n" in f"\n{found}" for held in ("kubeadm", "kubectl", "kubelet")), found
        assert ("api v" not in found) or f"api v{TARGET}" in found, (name, found)
    print(f"the API was silent for {[round(one, 1) for one in silent[:12]]} s; the hub's answers that were none: {watched.hub}")
    assert not watched.together
    assert silent[0] < (5 if planes == ALL else 300)
    assert len(watched.hub) < 60, watched.hub  # the hub's own pods move once each; its proxy with them
    assert "true" not in inside("chick0", f"{KUBECTL} get nodes -o jsonpath='{{.items[*].spec.unschedulable}}'")
    assert inside("chick0", f"ls /var/lib/coop/etcd/before-{TARGET}.db")


def test_nothing_is_left_to_do(next_minor, operator):
    assert operator.inv("cluster.upgrade", "--json").data["changes"] == 0
    wait_until("every pod is ready", lambda: operator.start("inv", "cluster.status").wait() == 0, limit=420)
    assert operator.bootstrap("--dry")["changes"] == 0
    operator.inv("hub.prove")
