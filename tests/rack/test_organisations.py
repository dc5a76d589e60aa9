"""Two organisations on one rack: each at its own name, apart from the other, seen outside by its own address, held to its quota; and
one that leaves.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import yaml
from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
IMAGE = "docker.io/library/busybox:1.37"
OUTSIDE, SEES, TICKS = "203.0.113.80", 8123, 8124  # of the lab's internet; who answers there with the address it sees, and who ticks
ROOSTERS = "128.120.136.26"
FILE = """\
domain: jupyter.flock.example
quota: {cores: 2, memory: 4Gi, homes: 1, gpus: 1}
hub:
  chart: {name: lab-hub, version: 4.4.0-lab.1, repository: "https://charts.flock.example/"}
  values:
    hub:
      config: {JupyterHub: {authenticator_class: dummy}}
      resources: {requests: {cpu: 10m, memory: 128Mi}}
    proxy: {https: {enabled: false}, chp: {resources: {requests: {cpu: 10m, memory: 64Mi}}}}
    singleuser: {cpu: {guarantee: 0.01, limit: 1}, memory: {guarantee: 128M, limit: 1G}, storage: {capacity: 1Gi}}
organisations:
"""
LINES = {
    "biology": "  biology: {addresses: [10.0.1.64/29], pods: 10.245.0.0/24, public: 128.120.136.71, "
               "hub: {values: {hub: {config: {Authenticator: {allowed_users: [ada]}}}}}}\n",
    "physics": "  physics: {addresses: [10.0.1.72/29], pods: 10.245.4.0/24, public: 128.120.136.72, "
               "hub: {values: {hub: {config: {Authenticator: {allowed_users: [emmy]}}}}}}\n",
}
PUBLIC = {"biology": "128.120.136.71", "physics": "128.120.136.72", "default": ROOSTERS}
USER = {"biology": "ada", "physics": "emmy"}
NODES = {"server": "chick1", "caller": "chick2"}
SERVER = """\
import socket, sys, threading, time
def serve(port, talk):
    listener = socket.create_server((sys.argv[1], port))
    while True:
        threading.Thread(target=talk, args=listener.accept(), daemon=True).start()
def sees(caller, address):
    caller.recv(9999)
    caller.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\n{address[0]}".encode())
    caller.close()
def ticks(caller, address):
    while True:
        caller.sendall(f"{address[0]}\\n".encode())
        time.sleep(0.2)
threading.Thread(target=serve, args=(int(sys.argv[2]), sees)).start()
serve(int(sys.argv[3]), ticks)
"""


def domain(name: str) -> str:
    return f"{name}.jupyter.flock.example"


@pytest.fixture(scope="module")
def two(bootstrapped, operator):
    """The rack with both."""
    file = bootstrapped.rack / "configs/organisations.yaml"
    file.write_text(FILE + LINES["biology"] + LINES["physics"])
    operator.inv("organisation.apply", "--yes")
    yield bootstrapped
    file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def world(two):
    """Runs a command on the lab's internet, and has somebody answer there."""
    server = subprocess.Popen([*two.in_network("internet"), sys.executable, "-c", SERVER, OUTSIDE, str(SEES), str(TICKS)])

    def run(*words: str) -> str:
        return subprocess.run([*two.in_network("internet"), *words], capture_output=True, text=True, timeout=120).stdout

    yield run
    server.terminate()
    server.wait()


def pod(space: str, kind: str) -> dict:
    """A web server that says whose it is, or somebody who calls; on two nodes."""
    serve = f"echo {space} >/tmp/index.html; exec httpd -f -p 8080 -h /tmp"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": kind, "namespace": space, "labels": {"probe": kind}}, "spec": {
        "nodeName": NODES[kind], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [
            {"name": "probe", "image": IMAGE, "command": ["sh", "-c", serve if kind == "server" else "exec sleep 86400"],
             "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]}}


def opened(space: str) -> dict:
    """A policy that lets everybody in, as a chart's or a person's may."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open", "namespace": space},
            "spec": {"podSelector": {"matchLabels": {"probe": "server"}}, "policyTypes": ["Ingress"], "ingress": [{}]}}


def service(space: str) -> dict:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": space},
            "spec": {"selector": {"probe": "server"}, "ports": [{"port": 8080}]}}


@pytest.fixture(scope="module")
def pods(two, inside):
    """Servers and callers of both, and of nobody: the address of each server's pod and of its service."""
    spaces = ("biology", "physics", "default")
    objects = [one for space in spaces for one in (pod(space, "server"), pod(space, "caller"), opened(space), service(space))]
    inside("chick0", f"{KUBECTL} apply -f - <<'X'\n{yaml.safe_dump_all(objects)}X")
    for space in spaces:
        inside("chick0", f"{KUBECTL} -n {space} wait --for=condition=Ready pod/server pod/caller --timeout=300s")
    def address(space: str, kind: str, path: str) -> str:
        return inside("chick0", f"{KUBECTL} -n {space} get {kind} server -o jsonpath='{{{path}}}'").strip()
    yield {space: (address(space, "pod", ".status.podIP"), address(space, "service", ".spec.clusterIP")) for space in spaces}
    inside("chick0", f"{KUBECTL} -n default delete pod/server pod/caller networkpolicy/open service/server --wait=false", check=False)


@pytest.fixture(scope="module")
def called(pods, inside):
    """What a caller gets at an address; "" where it is not answered in time."""
    def call(space: str, url: str) -> str:
        return inside("chick0", f"{KUBECTL} -n {space} exec caller -- wget -q -T 4 -O - {url} 2>/dev/null", check=False).strip()
    return call


def status(world, name: str, path: str, *words: str) -> str:
    """The HTTP status of a page of an organisation's hub, from the internet, and where it leads."""
    return world("curl", "-s", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}",
                 "--resolve", f"{domain(name)}:80:{PUBLIC[name]}", *words, f"http://{domain(name)}{path}").strip()


def logged_in(world, folder, name: str, user: str) -> str:
    """What the hub answers to a login by its form."""
    jar = folder / f"{name}-{user}"
    cookies = ("-c", str(jar), "-b", str(jar))
    assert status(world, name, "/hub/login", *cookies).startswith("200")
    [token] = [line.split()[-1] for line in jar.read_text().splitlines() if "\t_xsrf\t" in line]
    form = [word for value in (f"username={user}", "password=any", f"_xsrf={token}") for word in ("--data-urlencode", value)]
    return status(world, name, "/hub/login?next=%2Fhub%2Ftoken", *cookies, *form)


def test_a_second_run_changes_nothing(two, operator):
    """Here, and of the whole rack."""
    assert operator.inv("organisation.apply", "--json").data["changes"] == 0
    assert operator.bootstrap()["changes"] == 0


@pytest.mark.parametrize("name", ["biology", "physics"])
def test_each_logs_in_at_its_own_name(two, world, tmp_path, name):
    other = next(one for one in USER if one != name)
    assert logged_in(world, tmp_path, name, USER[name]) == f"302 http://{domain(name)}/hub/token"
    assert logged_in(world, tmp_path, name, USER[other]).startswith("403")


@pytest.mark.parametrize("name", ["biology", "physics"])
def test_a_server_of_its_hub_runs_a_cell(two, operator, inside, name):
    operator.inv("hub.prove", "--hub", name)
    addresses = inside("chick0", f"{KUBECTL} -n {name} get pods -o jsonpath='{{.items[*].status.podIP}}'").split()
    assert addresses and all(one.startswith({"biology": "10.245.0.", "physics": "10.245.4."}[name]) for one in addresses)


@pytest.mark.parametrize("caller", ["biology", "physics", "default"])
@pytest.mark.parametrize("server", ["biology", "physics"])
def test_pods_reach_those_of_their_own_organisation_alone(pods, called, caller, server):
    """By the pod's address and by its service's, from another node, although a policy lets everybody in."""
    expected = server if caller == server else ""
    assert [called(caller, f"http://{address}:8080/") for address in pods[server]] == [expected, expected]


def test_a_pod_of_nobody_is_reached_so_the_calls_are_no_accident(pods, called):
    assert [called("default", f"http://{address}:8080/") for address in pods["default"]] == ["default", "default"]


def test_what_a_chart_opens_to_everybody_is_closed_to_pods_of_others(two, called, inside):
    proxy = inside("chick0", f"{KUBECTL} -n biology get pods -l component=proxy -o jsonpath='{{.items[0].status.podIP}}'").strip()
    answers = {space: "html" in called(space, f"http://{proxy}:8000/hub/login") for space in ("biology", "physics", "default")}
    assert answers == {"biology": True, "physics": False, "default": False}


@pytest.mark.parametrize("space", ["biology", "physics", "default"])
def test_outside_each_is_seen_by_its_own_address(world, called, space):
    assert called(space, f"http://{OUTSIDE}:{SEES}/") == PUBLIC[space]


@pytest.mark.parametrize("name", ["biology", "physics"])
def test_rooster_knows_where_its_pods_are(two, inside, pods, name):
    where = inside("rooster", f"ip route get {pods[name][0]}")
    assert " via 10.0.0.101 dev enp3s0" in where  # chick1's
    assert "Established" in inside("rooster", "birdc show protocols")


def test_quotas_bite(two, inside):
    def refused(document: dict) -> str:
        return inside("chick0", f"{KUBECTL} create -f - 2>&1 <<'X'\n{yaml.safe_dump(document)}X", check=False)

    for resource, asked in (("cpu", "3"), ("nvidia.com/gpu", "2")):
        large = pod("biology", "caller")
        large["metadata"]["name"] = "large"
        wants = large["spec"]["containers"][0]["resources"]
        wants["requests"][resource] = asked
        wants["limits"] = {resource: asked}
        assert f"exceeded quota: coop, requested: requests.{resource}={asked}" in refused(large)
    claims = [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": f"claim-{number}", "namespace": "biology"},
               "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}} for number in range(3)]
    answers = [refused(claim) for claim in claims]
    assert "created" in answers[0] and "exceeded quota: coop, requested: persistentvolumeclaims=1" in answers[-1]
    inside("chick0", f"{KUBECTL} -n biology delete pvc --ignore-not-found --wait=false claim-0 claim-1 claim-2")


def test_its_addresses_go_to_services_of_its_namespace_alone(two, inside):
    def asked(space: str) -> str:
        one = service(space)
        one["metadata"] |= {"name": "asks", "annotations": {"metallb.io/loadBalancerIPs": "10.0.1.70"}}
        one["spec"]["type"] = "LoadBalancer"
        inside("chick0", f"{KUBECTL} apply -f - <<'X'\n{yaml.safe_dump(one)}X")
        time.sleep(10)
        given = inside("chick0", f"{KUBECTL} -n {space} get service asks -o jsonpath='{{.status.loadBalancer.ingress[0].ip}}'")
        inside("chick0", f"{KUBECTL} -n {space} delete service asks")
        return given.strip()

    assert [asked("physics"), asked("default"), asked("biology")] == ["", "", "10.0.1.70"]


@pytest.mark.parametrize("machine, drift, named", [
    ("chick0", f"{KUBECTL} patch ippools.crd.projectcalico.org organisation-biology --type=merge "
     "-p '{\"spec\": {\"natOutgoing\": true}}'", "IPPool organisation-biology"),
    ("chick0", f"{KUBECTL} delete globalnetworkpolicies.crd.projectcalico.org default.organisation-physics",
     "GlobalNetworkPolicy default.organisation-physics"),
    ("rooster", "systemctl stop bird", "bird.service"),
    ("rooster", "nft flush chain inet coop postrouting", "the live rules are not those of /etc/nftables.conf"),
    ("rooster", "ip addr del 128.120.136.72/32 dev enp2s0", "enp2s0 lacks the address 128.120.136.72/32")])
def test_drift_is_named_and_undone(two, operator, inside, machine, drift, named):
    inside(machine, drift)
    assert named in operator.inv("organisation.apply", "--dry", code=3).said
    operator.inv("organisation.apply", "--yes")
    assert operator.inv("organisation.apply", "--json").data["changes"] == 0


@contextmanager
def watching(world, name: str):
    """Asks an organisation's hub twice a second; what was not 200."""
    bad, stop = [], threading.Event()

    def ask() -> None:
        while not stop.wait(0.5):
            if (answer := status(world, name, "/hub/health")) != "200":
                bad.append(answer)

    thread = threading.Thread(target=ask)
    thread.start()
    yield bad
    stop.set()
    thread.join()


def left_of(inside, name: str) -> str:
    """What the cluster and rooster still have of an organisation."""
    kinds = inside("chick0", f"{KUBECTL} api-resources --verbs=list -o name").split()
    every = ",".join(one for one in kinds if not one.startswith("events"))
    listed = inside("chick0", f"{KUBECTL} get {every} -A --ignore-not-found -o name 2>/dev/null | grep {name}", check=False)
    volumes = inside("chick0", f"{KUBECTL} get persistentvolumes -o jsonpath='{{.items[*].spec.claimRef.namespace}}' | grep -w {name}",
                     check=False)
    blocks = inside("chick0", f"{KUBECTL} get ipamblocks.crd.projectcalico.org,blockaffinities.crd.projectcalico.org -o name |"
                    " grep 10-245-0-", check=False)
    rules = inside("rooster", f"nft list ruleset | grep -e {name} -e 10.245.0; grep -rl {name} /etc/nginx /etc/bird\n"
                   f"ip route | grep -e 10.245.0 -e 10.0.1.64; ip addr | grep {PUBLIC[name]}", check=False)
    return "\n".join(filter(None, (listed, volumes, blocks, rules)))


def uids(inside, space: str) -> dict:
    found = json.loads(inside("chick0", f"{KUBECTL} -n {space} get pods -o json"))["items"]
    return {one["metadata"]["name"]: (one["metadata"]["uid"], [each["restartCount"] for each in one["status"]["containerStatuses"]])
            for one in found}


def test_one_leaves_when_its_name_is_typed_and_the_other_does_not_notice(two, operator, inside, world, pods, called):
    (two.rack / "configs/organisations.yaml").write_text(FILE + LINES["physics"])
    said = operator.inv("organisation.apply", "--yes", code=1).said
    assert "organisation biology ends" in said
    assert "biology" in inside("chick0", f"{KUBECTL} get namespaces -o name")
    assert called("biology", f"http://{OUTSIDE}:{SEES}/") == PUBLIC["biology"]

    inside("chick0", f"{KUBECTL} -n physics exec caller -- sh -c '(sleep 3600 | nc {OUTSIDE} {TICKS} >/tmp/ticks) >/dev/null 2>&1 &'")
    ticks = lambda: int(inside("chick0", f"{KUBECTL} -n physics exec caller -- sh -c 'wc -l </tmp/ticks'"))  # noqa: E731
    wait_until("somebody outside ticks", lambda: ticks() > 5)
    before = uids(inside, "physics")
    with watching(world, "physics") as bad:
        operator.inv("organisation.apply", "--remove", "biology", "--yes")
    assert not bad
    assert uids(inside, "physics") == before
    now = ticks()
    wait_until("the connection that was open before goes on", lambda: ticks() > now + 5, 20)
    assert called("physics", f"http://{OUTSIDE}:{SEES}/") == PUBLIC["physics"]
    assert left_of(inside, "biology") == ""
    assert operator.inv("organisation.apply", "--json").data["changes"] == 0


def test_with_the_last_one_all_is_as_it_was(two, operator, inside):
    (two.rack / "configs/organisations.yaml").unlink()
    operator.inv("organisation.apply", "--remove", "physics", "--yes")
    assert inside("rooster", "systemctl is-active bird", check=False).strip() == "inactive"
    assert "coop-rooster" not in inside("chick0", f"{KUBECTL} get bgppeers.crd.projectcalico.org -o name")
    assert "interfaceNamePrefix: cali" not in inside("chick0", f"{KUBECTL} -n kube-system get configmap kube-proxy -o yaml")
    assert operator.bootstrap()["changes"] == 0
