"""From one control plane to three and back, and what is silent for how long when the power of one is cut.

The figures are those of docs/availability.md. COOP_CUTS is how many times the power of a machine is cut (4), beside a user's kernel.
"""

import json
import os
import re
import time
from itertools import cycle, islice

import kernel as kernels
import pytest
from caller import WORKERS
from conftest import ENDPOINT, etcd_members, hub_answers, silences, wait_until, waits

VIRTUAL = "10.0.0.10"
CHICKS = ("chick0", "chick1", "chick2")
CUTS = int(os.environ.get("COOP_CUTS") or 4)
CLIENTS = WORKERS + 1  # with the one that connects again and again
GIVEN_UP = 80.0  # seconds: within them a node that says nothing is given up
SILENT, HUB_AWAY = 5.0, 90.0  # seconds at most
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
KEPT = "cd /etc/kubernetes && sha256sum admin.conf kubelet.conf pki/ca.crt pki/apiserver.crt pki/etcd/server.crt pki/etcd/peer.crt"


def entry(hosts: str, machine: str) -> str:
    """The lines of one machine in hosts.yaml."""
    return re.search(rf"\n  {machine}:\n(?:    .*\n)+", hosts)[0]


@pytest.fixture(scope="module")
def one(lab, operator):
    """Empty machines, and a rack that has chick0 alone, with an address for its API, and a hub that has its database in memory: on
    one machine's own disk the hub would have to wait for that machine."""
    lab.reset()
    hosts, cluster, hub = lab.rack / "hosts.yaml", lab.rack / "configs/cluster.yaml", lab.rack / "configs/hub.yaml"
    texts = {file: file.read_text() for file in (hosts, cluster, hub)}
    hub.write_text(texts[hub].replace("values:\n  hub:\n", "values:\n  hub:\n    db: {type: sqlite-memory}\n"))
    alone = texts[hosts]
    for name in CHICKS[1:]:
        alone = alone.replace(entry(alone, name), "\n")
    hosts.write_text(alone)
    cluster.write_text(texts[cluster].replace(f"endpoint: {ENDPOINT}\n",
                                              f"endpoint: {ENDPOINT}\nkeepalived: {{virtual_ipaddress: {VIRTUAL}}}\n"))
    assert operator.bootstrap()["exit_code"] == 0
    yield texts[hosts].replace("[worker]", "[control-plane]")
    for file, text in texts.items():
        file.write_text(text)


@pytest.fixture(scope="module")
def three(one, lab, operator):
    """Two more have joined, each by one command."""
    (lab.rack / "hosts.yaml").write_text(one)
    for name in CHICKS[1:]:
        operator.inv("node.add", name)
    return lab


@pytest.fixture(scope="module")
def holder(lab, inside):
    """The machines that have the address."""
    def ask() -> list[str]:
        boxes = lab.status()
        return [name for name in CHICKS if boxes[name].pid and f" {VIRTUAL}/" in inside(name, "ip -o -4 addr show", check=False)]
    return ask


def not_ready(inside, machine: str) -> set[str]:
    table = inside(machine, f"{KUBECTL} --request-timeout=4s get nodes --no-headers 2>/dev/null", check=False)
    return set(re.findall(r"^(\S+) +NotReady", table, re.MULTILINE))


def all_well(inside) -> bool:
    """Every API server is, and so its etcd; every node is Ready."""
    answers = [inside(name, "curl -sk --max-time 4 https://127.0.0.1:6443/readyz", check=False) for name in CHICKS]
    table = inside("chick0", f"{KUBECTL} --request-timeout=4s get nodes --no-headers 2>/dev/null", check=False)
    return answers == ["ok"] * 3 and len(re.findall(r" Ready\b", table)) == 3


def test_one_control_plane_has_the_address(one, operator, holder, inside):
    assert holder() == ["chick0"]
    assert inside("rooster", f"curl -sk --max-time 4 https://{VIRTUAL}:6443/livez") == "ok"
    assert operator.bootstrap()["changes"] == 0


def test_what_was_changed_by_hand_is_named(one, operator, inside):
    inside("chick0", "sed -i 's/advert_int 0.3/advert_int 9/' /etc/coop/keepalived.conf")
    inside("chick0", "f=$(grep -l 'host network' /var/lib/kubelet/pods/*/etc-hosts | head -n 1); echo '10.9.9.9 x' >>$f")
    said = operator.inv("cluster.bootstrap", "--dry", code=3).said
    assert "/etc/coop/keepalived.conf has other content" in said
    assert "1 pod in the machine's own network knows a former /etc/hosts" in said
    assert operator.bootstrap()["exit_code"] == 0
    assert operator.bootstrap()["changes"] == 0


def test_two_more_join(three, operator, holder, inside):
    wait_until("every API server is well", lambda: all_well(inside), limit=300)
    assert holder() == ["chick0"]  # whoever comes later takes it from nobody
    operator.bootstrap()
    assert operator.bootstrap()["changes"] == 0


@pytest.fixture(scope="module")
def kernel(three, lab, api, inside):
    """That of a user, on one of the machines."""
    wait_until("the hub answers", lambda: hub_answers(lab), limit=300)
    return kernels.started(api, inside)


def elsewhere(holder, inside, machine: str) -> None:
    """The address leaves this machine, as in an upgrade of it."""
    if holder() == [machine]:
        inside(machine, "systemctl restart coop-endpoint")
        wait_until(f"the address has left {machine}", lambda: len(holder()) == 1 and holder() != [machine])


def test_the_power_of_each_is_cut_again_and_again(three, lab, holder, inside, calling, kernel):
    """In turn, but not of the machine that has the kernel: first until the dead node is given up, then until all are well again."""
    others, figures = [name for name in CHICKS if name != kernel.node], []
    with calling(50) as answers:
        for number, dead in enumerate(islice(cycle(others), CUTS)):
            moved = time.time()
            elsewhere(holder, inside, kernel.node)
            wait_until("each connection is answered again",  # what was under way is answered, or its connection reset
                       lambda moved=moved: len({one.client for one in answers() if one.at > moved}) == CLIENTS)
            held, began, seen = holder() == [dead], time.time(), set()
            lab.off(dead)
            while time.time() < began + (GIVEN_UP if number < len(others) else 20):
                seen |= not_ready(inside, kernel.node)
                time.sleep(1)
            so_far, now_at = answers(), holder()
            figures.append({"cut": dead, "held the address": held, "silent": round(silences(so_far, began)[0], 2),
                            "of ten that stay": [round(one, 1) for one in waits(so_far, began)], "not ready": sorted(seen),
                            "answered by": sorted({one.address for one in so_far if one.at > so_far[-1].at - 2})})
            print(json.dumps(figures[-1]), flush=True)
            lab.on(dead)
            wait_until("every API server is well", lambda: all_well(inside), limit=420)
            assert now_at == holder() != [dead], "it does not go back"
    began, pause = kernel.pauses()
    print(json.dumps({"the kernel counted for": round(time.time() - began), "with a pause of at most": round(pause, 2)}))
    assert all(one["silent"] <= SILENT for one in figures), figures
    assert all(one["not ready"] in ([], [one["cut"]]) for one in figures), figures
    assert all(one["not ready"] for one in figures[:len(others)]) and any(one["held the address"] for one in figures) and pause < SILENT


def test_rooster_is_cut_and_the_cluster_goes_on(three, lab, holder, inside, calling, kernel):
    """API, nodes, names within the cluster and the kernel; then the power of the address's holder is cut besides."""
    elsewhere(holder, inside, kernel.node)
    began, [also] = time.time(), holder()
    with calling(50, kernel.node) as answers:
        lab.off("rooster")
        seen = set()
        while time.time() < began + GIVEN_UP:
            seen |= not_ready(inside, kernel.node)
            time.sleep(1)
        alone = waits(answers(), began)[0]
        assert not seen and alone <= SILENT, (seen, alone)
        assert kernel.runs("import socket; print(socket.gethostbyname('kubernetes.default.svc.cluster.local'))") == "10.96.0.1"
        cut = time.time()
        lab.off(also)
        time.sleep(20)
        both = silences(answers(), cut)[0]
    lab.on(also)
    lab.on("rooster")
    wait_until("every API server is well", lambda: all_well(inside), limit=420)
    wait_until("the hub answers", lambda: hub_answers(lab), limit=300)
    _, pause = kernel.pauses()
    print(json.dumps({"silent without rooster": round(alone, 2), "holder cut too": round(both, 2), "kernel's pause": round(pause, 2)}))
    assert both <= SILENT and pause < SILENT


def test_a_dead_one_is_replaced_under_its_name_by_two_commands(three, lab, operator, inside, kernel):
    """By an empty machine; certificates and kubeconfigs of the others, and the operator's on rooster, stay as they are."""
    dead = [name for name in CHICKS if name != kernel.node][-1]
    others = [name for name in CHICKS if name != dead]

    def kept() -> list[str]:
        return [inside(name, KEPT) for name in others] + [inside("rooster", "sha256sum /home/spicy/.kube/config")]

    before = kept()
    lab.off(dead)
    wait_until(f"{dead} is not Ready", lambda: not_ready(inside, kernel.node) == {dead})
    operator.inv("node.remove", dead, "--dead", "--yes")
    lab.reset([dead])
    operator.inv("node.add", dead)
    assert sorted(etcd_members(inside, kernel.node)) == [(name, "started") for name in CHICKS]
    assert kept() == before
    wait_until("every API server is well", lambda: all_well(inside), limit=420)
    assert inside("rooster", "runuser -l spicy -c 'kubectl get nodes --no-headers'").count(" Ready ") == 3
    operator.bootstrap()
    assert operator.bootstrap()["changes"] == 0


def test_the_hub_leaves_a_dead_node(three, lab, inside):
    wait_until("the hub answers", lambda: hub_answers(lab), limit=300)
    dead = inside("chick0", f"{KUBECTL} -n hub get pods -l component=hub -o jsonpath='{{.items[0].spec.nodeName}}'").strip()
    began = time.time()
    lab.off(dead)
    wait_until("the hub is away", lambda: not hub_answers(lab))
    wait_until("the hub answers again", lambda: hub_answers(lab), limit=420)
    away = time.time() - began
    lab.on(dead)
    print(json.dumps({"hub away": round(away), "was on": dead}))
    assert away <= HUB_AWAY


def test_back_to_one(three, one, lab, operator, holder, inside):
    wait_until("every API server is well", lambda: all_well(inside), limit=420)
    inside("chick0", f"{KUBECTL} -n hub delete pod jupyter-student --ignore-not-found")  # which would not leave a node by itself
    for name in reversed(CHICKS[1:]):
        operator.inv("node.remove", name, "--yes")
        assert inside(name, "systemctl is-active coop-endpoint; ls /etc/coop/keepalived.conf 2>&1", check=False).startswith("inactive")
    alone = one
    for name in CHICKS[1:]:
        alone = alone.replace(entry(alone, name), "\n")
    (lab.rack / "hosts.yaml").write_text(alone)
    operator.bootstrap()
    assert holder() == ["chick0"]
    assert operator.bootstrap()["changes"] == 0
    wait_until("both pods of CoreDNS run on the node that is left", lambda: dns_pods(inside) == ["Running"] * 2, limit=180)


def dns_pods(inside) -> list[str]:
    return inside("chick0", f"{KUBECTL} -n kube-system get pods -l k8s-app=kube-dns -o jsonpath='{{.items[*].status.phase}}'").split()
