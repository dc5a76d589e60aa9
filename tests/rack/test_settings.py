"""The rack's files are edited while the rack runs: each edit is named with what it restarts, made on one node after
another, and does not reach a notebook server that runs meanwhile; or it is rejected by file and line.

`bin/test settings` tells all of it, `bin/test rack` the first three edits.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import yaml
from conftest import wait_until

CHICKS = ("chick0", "chick1", "chick2")
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
STUDENT = "student"
Tree = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """`tree` is laid over cluster.yaml. `restarts`: what the plan says, by machine. `ran`: shell text on a machine, and
    what it prints once the edit runs there."""

    tree: Tree
    differs: dict[str, str]  # resource: what of it the plan says
    restarts: dict[str, str] = field(default_factory=dict)
    ran: dict[str, tuple[str, str]] = field(default_factory=dict)
    one_by_one: str = ""  # the unit that restarts on one machine after another


def configz(path: str) -> dict[str, tuple[str, str]]:
    """Asks every kubelet for what it runs with."""
    return {node: (f"{KUBECTL} get --raw /api/v1/nodes/{node}/proxy/configz | grep -o '{path}'", path) for node in CHICKS}


def kubelets(*, kubelet: str) -> dict[str, str]:
    return {node: kubelet.format(node=node) for node in CHICKS}


def argument(program: str, word: str) -> tuple[str, str]:
    return f"tr '\\0' '\\n' </proc/$(pidof {program})/cmdline | grep -x -e {word}", word


KUBELET = "kubelet restarts on {node}, its pods keep running"
CONTAINERD = "containerd restarts on {node}: its pods keep running, new ones wait"
THREE = {
    "a key of kubelet": Edit(
        {"KubeletConfiguration": {"maxPods": 60}}, {"settings of kubelet": "maxPods is not set, should be 60"},
        kubelets(kubelet=KUBELET), configz('"maxPods":60'), "kubelet"),
    "an argument of the API server": Edit(
        {"kubeadm": {"ClusterConfiguration": {"apiServer": {"extraArgs": [{"name": "v", "value": "1"}]}}}},
        {"static pod kube-apiserver": "--v is not set, should be 1"},
        {"chick0": "the API server of chick0 restarts; the API is not available for about 20 s, pods keep running"},
        {"chick0": argument("kube-apiserver", "--v=1")}),
}
OTHERS = {
    "a second key of kubelet": Edit(
        {"KubeletConfiguration": {"containerLogMaxSize": "20Mi"}},
        {"settings of kubelet": "containerLogMaxSize is not set, should be 20Mi"},
        kubelets(kubelet=KUBELET), configz('"containerLogMaxSize":"20Mi"'), "kubelet"),
    "a key of kube-proxy": Edit(
        {"KubeProxyConfiguration": {"nodePortAddresses": ["primary"]}},
        {"settings of kube-proxy": "nodePortAddresses is not set, should be [primary]"},
        {"chick0": "kube-proxy restarts on one node after another; open connections continue"},
        dict.fromkeys(CHICKS, (
            "curl -s http://127.0.0.1:10249/configz | grep -o '\"nodePortAddresses\":[^]]*'", '"nodePortAddresses":["primary"'))),
    "an argument of the controller manager": Edit(
        {"kubeadm": {"ClusterConfiguration": {"controllerManager": {
            "extraArgs": [{"name": "node-monitor-grace-period", "value": "45s"}]}}}},
        {"static pod kube-controller-manager": "--node-monitor-grace-period is not set, should be 45s"},
        {"chick0": "the controller manager of chick0 restarts, pods keep running"},
        {"chick0": argument("kube-controller-manager", "--node-monitor-grace-period=45s")}),
    "a name of the API server": Edit(
        {"kubeadm": {"ClusterConfiguration": {"apiServer": {"certSANs": ["api.example.org"]}}}},
        {"certificate of the API server": "is not valid for api.example.org"}, {},
        {"chick0": ("openssl s_client -connect 10.0.0.100:6443 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
                    " | grep -o api.example.org", "api.example.org")}),
    "how long certificates live": Edit(
        {"kubeadm": {"ClusterConfiguration": {"certificateValidityPeriod": "4380h"}}},
        {"validity of the certificates": "were made for 8760 h, should be for 4380 h"},
        {"chick0": "the API server, controller manager, scheduler and etcd of chick0 restart"},
        {"chick0": ("for c in etcd/server apiserver-kubelet-client; do openssl x509 -in /etc/kubernetes/pki/$c.crt -noout"
                    " -checkend $((4381 * 3600)) || echo shorter; done | sort -u | grep shorter", "shorter")}),
    "a key of containerd": Edit(
        {"containerd": {"plugins": {"io.containerd.cri.v1.runtime": {"max_container_log_line_size": 32768}}}},
        {"file /etc/containerd/config.toml": "has other content"},
        {node: CONTAINERD.format(node=node) for node in CHICKS},
        dict.fromkeys(CHICKS, (
            "crictl info | grep -o 'maxContainerLogLineSize\": 32768'", 'maxContainerLogLineSize": 32768')), "containerd"),
    "Calico's dataplane": Edit(
        {"calico": {"FelixConfiguration": {"logSeverityScreen": "Warning"}}},
        {"Kubernetes objects pod-network": "the objects of pod-network follow"}, {},
        {"chick0": (f"{KUBECTL} get felixconfigurations.crd.projectcalico.org default -o jsonpath='{{.spec.logSeverityScreen}}'",
                    "Warning")}),
}
REJECTED = {
    "networks": ("configs/network.yaml", {"pod": "10.200.0.0/16"}, "pod", "every pod and service"),
    "control groups": ("configs/cluster.yaml", {"KubeletConfiguration": {"cgroupDriver": "cgroupfs"}}, "cgroupDriver",
                       "inv node.remove"),
    "DNS of pods": ("configs/cluster.yaml", {"KubeletConfiguration": {"clusterDomain": "other.local"}}, "clusterDomain",
                    "resolv.conf"),
    "a dataplane that Calico lacks": ("configs/cluster.yaml", {"KubeProxyConfiguration": {"mode": "nftables"}}, "mode",
                                      "cannot do nftables"),
}


def over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: over(below.get(key), value) for key, value in above.items()}


@pytest.fixture(scope="module")
def edited(bootstrapped, operator):
    """Lays a tree over one of the rack's files. At the end the files are as they were, and the rack too."""
    before: dict = {}

    def edit(file: str, tree: Tree) -> Callable[[], None]:
        path = bootstrapped.rack / file
        text = path.read_text()
        before.setdefault(path, text)
        path.write_text(yaml.safe_dump(over(yaml.safe_load(text), tree), sort_keys=False))
        return lambda: path.write_text(text) and None

    yield edit
    for path, text in before.items():
        path.write_text(text)
    operator.bootstrap("--yes")
    assert operator.bootstrap("--dry")["changes"] == 0


@pytest.fixture(scope="module")
def server(bootstrapped, inside):
    """A student's notebook server; asked whether it is still the very same process."""
    secrets = yaml.safe_load((bootstrapped.rack / "configs/secrets.yaml").read_text())
    token = secrets["hub"]["hub"]["services"]["coop"]["apiToken"]

    def api(method: str, path: str) -> str:
        return inside("rooster", f"curl -ksS -H 'Authorization: token {token}' -X {method} -d '{{}}' --max-time 60 --resolve "
                      f"jupyter.flock.example:443:10.0.1.54 https://jupyter.flock.example/hub/api/{path}", check=False)

    api("POST", f"users/{STUDENT}")
    api("POST", f"users/{STUDENT}/server")
    pod = f"jupyter-{STUDENT}"
    question = f"{KUBECTL} -n hub get pod {pod} -o json"

    def is_() -> tuple[str, str, int, str]:
        found = json.loads(inside("chick0", question))
        [container] = found["status"]["containerStatuses"]
        return found["metadata"]["uid"], container["containerID"], container["restartCount"], found["status"]["phase"]

    wait_until("the student's server runs", lambda: "true" in inside(
        "chick0", f"{question} | grep -o '\"ready\": true'", check=False), limit=180)
    yield is_
    api("DELETE", f"users/{STUDENT}/server")


def restarts_of(plan: list[dict[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for change in plan:
        if change["interrupts"]:
            found.setdefault(change["machine"], set()).add(change["interrupts"])
    return found


def when(inside, machine: str, unit: str) -> tuple[float, float]:
    """When the unit was last stopped and started, by one clock: the computer's."""
    said = inside(machine, f"for w in ActiveExit ActiveEnter; do date -d \"$(systemctl show --timestamp=us+utc -P "
                  f"${{w}}Timestamp {unit})\" +%s.%N; done")
    began, up = map(float, said.split())
    return began, up


def is_made(edit: Edit, edited, operator, inside, server) -> None:
    before = server()
    edited("configs/cluster.yaml", edit.tree)
    plan = operator.bootstrap("--dry", code=3)["plan"]
    for resource, what in edit.differs.items():
        assert [change["what"] for change in plan if change["resource"] == resource and what in change["what"]], plan
    assert restarts_of(plan) == {machine: {words} for machine, words in edit.restarts.items()}
    if edit.restarts:
        assert operator.bootstrap(code=1)["changes"] == 0, "what interrupts was done without consent"
    operator.bootstrap("--yes")
    for machine, (script, expected) in edit.ran.items():
        asked = "chick0" if script.startswith(KUBECTL) else machine
        wait_until(f"{expected} on {machine}", partial(lambda who, what, wanted: wanted in inside(who, what, check=False),
                                                       asked, script, expected), limit=60)
    if edit.one_by_one:
        spans = sorted(when(inside, machine, edit.one_by_one) for machine in CHICKS)
        assert all(up < began for (_, up), (began, _) in pairwise(spans)), spans
    assert server() == before
    assert operator.bootstrap("--dry")["changes"] == 0


@pytest.mark.parametrize("what", THREE)
def test_an_edit_is_made_live(what, edited, operator, inside, server):
    is_made(THREE[what], edited, operator, inside, server)


@pytest.mark.parametrize("what", REJECTED)
def test_what_was_decided_at_the_start_is_rejected_by_its_line(what, edited, operator, bootstrapped):
    file, tree, key, reason = REJECTED[what]
    undo = edited(file, tree)
    line = next(number for number, text in enumerate((bootstrapped.rack / file).read_text().split("\n"), 1)
                if text.strip().startswith(f"{key}:"))
    for words in (("--dry",), ("--yes",)):
        said = operator.inv("cluster.bootstrap", *words, code=2).said
        assert re.search(rf"{file}:{line}: \S*{key}\b", said) and reason in said
    undo()
    assert operator.bootstrap("--dry")["changes"] == 0


@pytest.mark.parametrize("what", OTHERS)
def test_every_other_edit_is_made_live(what, edited, operator, inside, server):
    is_made(OTHERS[what], edited, operator, inside, server)


def test_a_key_that_is_left_out_gets_its_default_again(edited, operator, inside, server, bootstrapped):
    path = bootstrapped.rack / "configs/cluster.yaml"
    tree = yaml.safe_load(path.read_text())
    del tree["KubeletConfiguration"]["maxPods"]
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    operator.bootstrap("--yes")
    for node in CHICKS:
        script, expected = configz('"maxPods":110')[node]
        assert expected in inside("chick0", script)


def test_a_mode_that_a_hand_has_set_goes_back_and_leaves_no_rules(edited, operator, inside, server):
    before = server()
    read = f"{KUBECTL} -n kube-system get configmap kube-proxy -o jsonpath='{{.data.config\\.conf}}'"
    config = inside("chick0", read).replace("mode: iptables", "mode: nftables")
    patch = shlex.quote(json.dumps({"data": {"config.conf": config}}))
    inside("chick0", f"{KUBECTL} -n kube-system patch configmap kube-proxy --type=merge -p {patch}\n"
           f"{KUBECTL} -n kube-system rollout restart daemonset kube-proxy\n"
           f"{KUBECTL} -n kube-system rollout status daemonset kube-proxy --timeout=180s")
    wait_until("every kube-proxy runs in the other mode", lambda: {
        inside(node, "curl -s http://127.0.0.1:10249/proxyMode", check=False) for node in CHICKS} == {"nftables"})
    plan = operator.bootstrap("--dry", code=3)["plan"]
    assert [change["resource"] for change in plan] == ["settings of kube-proxy"]
    assert "mode is nftables, should be iptables" in plan[0]["what"]
    operator.bootstrap("--yes")
    for node in CHICKS:
        assert inside(node, "curl -s http://127.0.0.1:10249/proxyMode") == "iptables"
        assert "kube-proxy" not in inside(node, "nft list tables", check=False)
    assert server() == before
    assert operator.bootstrap("--dry")["changes"] == 0


BROKEN = {
    "kubelet": ({"KubeletConfiguration": {"evictionHard": {"memory.available": "some"}}},
                "kubelet.service does not start with the new", "curl -s http://127.0.0.1:10248/healthz", "ok"),
    "the API server": ({"kubeadm": {"ClusterConfiguration": {"apiServer": {"extraArgs": [{"name": "nosuch", "value": "1"}]}}}},
                       "the previous manifest is back", f"{KUBECTL} get --raw /readyz", "ok"),
    "containerd": ({"containerd": {"plugins": {"io.containerd.cri.v1.runtime": {"containerd": {
        "default_runtime_name": "nosuch"}}}}}, "containerd.service does not start with the new",
                   "crictl info | grep -o 'defaultRuntimeName\": \"runc'", 'defaultRuntimeName": "runc'),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_does_not_come_up_is_rolled_back_on_the_first_machine_and_reaches_no_other(
        what, edited, operator, inside, server):
    tree, reason, question, well = BROKEN[what]
    before, starts = server(), {node: [when(inside, node, unit) for unit in ("kubelet", "containerd")] for node in CHICKS[1:]}
    undo = edited("configs/cluster.yaml", tree)
    result = operator.bootstrap("--yes", code=1)
    assert reason in json.dumps(result)
    wait_until(f"{what} is well again", lambda: well in inside("chick0", question, check=False), limit=120)
    assert {node: [when(inside, node, unit) for unit in ("kubelet", "containerd")] for node in CHICKS[1:]} == starts
    undo()
    operator.bootstrap("--yes")
    assert server() == before
    assert operator.bootstrap("--dry")["changes"] == 0
