"""What the rack is for: a hub under its name, upgraded with a proof or brought back, and who may reach
what."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
import yaml

from tests.rack.conftest import wait_until

NAME, PUBLIC, ADDRESS = "jupyter.flock.example", "128.120.136.54", "10.0.1.54"
KUBECTL = "KUBECONFIG=/home/spicy/.kube/config kubectl -n hub"


@pytest.fixture(scope="module")
def hub(bootstrapped, operator):
    """The hub as the lab's rack says it."""
    operator.inv("hub.upgrade")
    return bootstrapped


@pytest.fixture
def hub_yaml(hub):
    """Edits the rack's hub.yaml for one test."""
    file = hub.rack / "configs/hub.yaml"
    before = file.read_text()

    def edit(old: str, new: str) -> None:
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    yield edit
    file.write_text(before)


@pytest.fixture(scope="module")
def world(hub):
    """Runs a command on the lab's internet, where students are: exit code and what it says."""
    def run(*words: str) -> tuple[int, str]:
        enter = ["nsenter", f"--net={hub.places.namespace_path('internet')}"]
        done = subprocess.run([*enter, *words], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr
    return run


@pytest.fixture(scope="module")
def page(world):
    """Fetches a page of the hub by its name, as a browser would."""
    def get(path: str, *words: str, port: int = 443) -> str:
        scheme = "https" if port == 443 else "http"
        resolve = f"{NAME}:{port}:{PUBLIC}"
        code, said = world("curl", "-ksS", "--max-time", "20", "--resolve", resolve, *words,
                           f"{scheme}://{NAME}{path}")
        assert code == 0, said
        return said
    return get


@pytest.fixture
def server(hub, inside):
    """A student's server, running."""
    secrets = yaml.safe_load((hub.rack / "configs/secrets.yaml").read_text())
    token = secrets["hub"]["hub"]["services"]["coop"]["apiToken"]
    api = (f"curl -ksS -H 'Authorization: token {token}' --resolve {NAME}:443:{ADDRESS} "
           f"https://{NAME}/hub/api/users/student")
    inside("rooster", f"{api}/server -X POST")
    wait_until("the student's server runs", lambda: '"ready": true' in inside("rooster", api), 180)
    yield lambda: inside("rooster", f"{KUBECTL} get pod jupyter-student -o jsonpath='{{.metadata.uid}}'",
                         check=False)
    inside("rooster", f"{api}/server -X DELETE")


def test_the_name_leads_to_the_hub_and_nothing_else_does(page, world):
    assert "Flock" in page("/hub/login")
    assert page("/hub/login", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}",
                port=80).startswith("308 https://")
    for scheme, port in (("https", 443), ("http", 80)):
        for wrong in ("wrong.example", PUBLIC, "jupyter.flock.example.evil.example"):
            code, said = world("curl", "-ksS", "--max-time", "10", "--resolve", f"{wrong}:{port}:{PUBLIC}",
                               f"{scheme}://{wrong}/")
            assert code in (35, 52), (wrong, said)


def test_the_certificate_is_for_the_name(page, world):
    """Issued by the lab's authority, which asked the name's port 80 as the world does."""
    _, said = world(
        "sh", "-c", f"openssl s_client -connect {PUBLIC}:443 -servername {NAME} </dev/null 2>/dev/null | "
        "openssl x509 -noout -issuer -ext subjectAltName")
    assert "Pebble" in said and f"DNS:{NAME}" in said


def test_a_challenge_reaches_the_cluster(page):
    said = page("/.well-known/acme-challenge/nobody", "-D", "-", "-o", "/dev/null", port=80)
    assert re.search(r"^server: caddy", said, re.IGNORECASE | re.MULTILINE), said


SCAN = """
import socket
from concurrent.futures import ThreadPoolExecutor
def answers(place):
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(place) == 0
for address in {addresses}:
    places = [(address, port) for port in range(1, 10300)]
    with ThreadPoolExecutor(500) as pool:
        print(address, *(port for (_, port), yes in zip(places, pool.map(answers, places)) if yes))
"""


def test_other_ports_are_closed(world):
    _, said = world("python3", "-c", SCAN.format(addresses=("128.120.136.26", PUBLIC)))
    assert said.splitlines() == ["128.120.136.26 22", f"{PUBLIC} 80 443"]


def test_gateway_publish_shows_each_row(hub, operator):
    [row] = re.findall(rf"^{NAME} .*", operator.inv("gateway.publish").said, re.MULTILINE)
    assert PUBLIC in row and ADDRESS in row and "chick" in row and "refused" in row and "Pebble" in row


def test_an_upgrade_of_nothing_changes_nothing(hub, operator):
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 0
    assert operator.inv("hub.status").code == 0


def test_each_profile_runs_a_cell(hub, operator):
    for profile in ("default", "large"):
        assert "ran a cell" in operator.inv("hub.prove", "--profile", profile).said


@pytest.mark.parametrize(
    "old, new, told",
    [("    templateVars:", "    templateVar:",
      "values.hub.templateVar: unknown key (did you mean templateVars?)"),
     ("capacity: 1Gi", "capacity: 10", "values.singleuser.storage.capacity: a number stands where a text"),
     ("  proxy:", "\tproxy:", "a tab stands in the indentation"), ])
def test_a_bad_value_is_told_before_anything_is_touched(hub_yaml, operator, inside, old, new, told):
    before = inside("rooster", f"{KUBECTL} get secrets -l owner=helm -o name")
    hub_yaml(old, new)
    said = operator.inv("hub.upgrade", code=2).said
    assert re.match(r"configs/hub.yaml:\d+: ", said) and told in said
    assert inside("rooster", f"{KUBECTL} get secrets -l owner=helm -o name") == before


@pytest.mark.parametrize(
    "old, new, why",
    [("    templateVars:", "    extraConfig: {zz: 'raise SystemExit(\"no such thing\")'}\n    templateVars:",
      "no such thing"),
     ("memory: {guarantee: 128M, limit: 1G}", "memory: {guarantee: 500G, limit: 500G}",
      "the server of coop-canary"), ], ids=[
          "the hub does not start", "the hub starts, and no server ever does"
      ])
def test_what_breaks_the_hub_is_taken_back(hub_yaml, operator, inside, server, page, old, new, why):
    uid = server()
    hub_yaml("publish:", "canary: {seconds: 60}\npublish:")
    hub_yaml(old, new)
    said = operator.inv("hub.upgrade", code=1).said
    assert why in said and "is back, and ready" in said
    assert server() == uid, "the student's server went with it"
    assert "Flock" in page("/hub/login")


def test_a_student_works_on_through_an_upgrade(hub_yaml, operator, server):
    uid = server()
    hub_yaml("Notebooks on our own computers.", "Notebooks for every course.")
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 1
    assert server() == uid


def test_another_hands_field_is_shown_and_taken_back_when_asked(hub_yaml, operator, inside):
    operator.inv("hub.upgrade")
    inside("rooster", f"{KUBECTL} set resources deployment/proxy --requests=cpu=12m")
    assert "another hand: kubectl-set has set" in operator.inv("hub.upgrade").said
    hub_yaml("capacity: 1Gi", "capacity: 2Gi")
    assert "kubectl-set has set" in operator.inv("hub.upgrade", code=1).said
    operator.inv("hub.upgrade", "--take-back")
    assert "another hand" not in operator.inv("hub.status").said


def test_a_sick_node_stops_an_upgrade_early_or_is_left_out(hub_yaml, operator, inside):
    hub_yaml("capacity: 1Gi", "capacity: 3Gi")
    inside("rooster", f"{KUBECTL} cordon chick2")
    try:
        began = time.monotonic()
        assert "chick2 is cordoned" in operator.inv("hub.upgrade", code=1).said
        assert time.monotonic() - began < 30
        assert operator.inv("hub.upgrade", "--leave-out", "chick2", "--json").data["changes"] == 1
    finally:
        inside("rooster", f"{KUBECTL} uncordon chick2")


def test_the_hub_starts_without_its_template_repository(hub, operator, inside, page):
    def commit() -> str:
        return re.search(r'id="template-commit"[^>]*>([0-9a-f]*)<', page("/hub/about"))[1]

    before = commit()
    inside(
        "rooster",
        "nft 'table inet away { chain f { type filter hook forward priority -10; tcp dport 80 drop; }; }'")
    try:
        operator.inv("hub.restart")
        assert commit() == before
        assert "the last good copy" in operator.inv("hub.status", code=3).said
        inside("rooster", f"{KUBECTL} exec deployment/hub -c hub -- rm -rf /srv/jupyterhub/pages")
        operator.inv("hub.restart")
        assert "JupyterHub's own" in operator.inv("hub.status", code=3).said
        assert "Sign in" in page("/hub/login")
    finally:
        inside("rooster", "nft delete table inet away")
    operator.inv("hub.restart")
    assert commit() == before


LOGIN = """
jar=$(mktemp); get() {{ curl -ksS --max-time 20 --resolve {name}:443:{public} -b $jar -c $jar "$@"; }}
xsrf=$(get https://{name}/hub/login | sed -n 's/.*name="_xsrf" value="\\([^"]*\\)".*/\\1/p')
get -o /dev/null -w '%{{http_code}}' --data-urlencode "_xsrf=$xsrf" -d username={user} -d password=x \
    https://{name}/hub/login
"""


@pytest.mark.parametrize("user, code", [("student", "302"), ("stranger", "403")])
def test_strangers_stay_outside(hub, world, user, code):
    assert world("sh", "-c", LOGIN.format(name=NAME, public=PUBLIC, user=user)) == (0, code)


def test_users_come_and_go(hub, operator):
    operator.inv("hub.user.add", "visitor")
    operator.inv("hub.user.admin", "visitor")
    assert {"name": "visitor", "admin": True}.items() <= next(
        user for user in operator.inv("hub.user.list", "--json").data if user["name"] == "visitor").items()
    operator.inv("hub.user.admin", "visitor", "--no")
    operator.inv("hub.user.remove", "visitor")
    assert "visitor" not in [user["name"] for user in operator.inv("hub.user.list", "--json").data]


REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    with socket.socket() as one:
        one.settimeout(3)
        print(place, "open" if not one.connect_ex((socket.gethostbyname(host), int(port))) else "closed")
"""


def test_a_students_pod_reaches_only_what_it_needs(server, inside):
    inside(
        "rooster", f"{KUBECTL} run neighbour --image=docker.io/library/busybox:1.37 --labels=app=jupyterhub,"
        "component=singleuser-server,release=hub -- sh -c 'while :; do echo | nc -l -p 8888; done'")
    try:
        inside("rooster", f"{KUBECTL} wait --for=condition=Ready pod/neighbour --timeout=60s")
        neighbour = inside("rooster", f"{KUBECTL} get pod neighbour -o jsonpath='{{.status.podIP}}'")
        closed = [
            f"{neighbour}:8888", "10.0.0.1:22", "128.120.136.26:22", "10.0.0.102:10250", "10.0.0.100:6443",
            "10.0.0.100:2379", "10.96.0.1:443", "169.254.169.254:80", "proxy-api:8001"
        ]
        opened = ["hub:8081", "git.flock.example:80"]
        said = inside(
            "rooster", f"{KUBECTL} exec -i jupyter-student -- python3 - {' '.join([*closed, *opened])} "
            f"<<'PROGRAM'\n{REACH}\nPROGRAM")
    finally:
        inside("rooster", f"{KUBECTL} delete pod neighbour --grace-period=0 --force")
    assert said.split("\n")[:-1] == [
        *(f"{place} closed" for place in closed), *(f"{place} open" for place in opened)
    ]


def test_limits_are_real(server, inside):
    look = ("cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert inside("rooster", f"{KUBECTL} exec jupyter-student -- sh -c '{look}'").strip() == str(1 << 30)


def test_an_address_moves_to_another_node(hub, operator, inside, nodes):
    def answering() -> set[str]:
        said = inside("rooster", f"arping -b -c 1 -w 1 -I enp3s0 {ADDRESS}", check=False)
        return set(re.findall(r"([0-9A-F]{2}(?::[0-9A-F]{2}){5})", said.upper()))

    [mac] = answering()
    machine = {"00:25:90:51:CF:1E": "chick1", "00:25:90:51:CF:20": "chick2"}[mac]
    hub.off(machine)
    try:
        began = time.monotonic()
        wait_until("another node answers", lambda: answering() not in (set(), {mac}), 15)
        print(f"another node answers after {time.monotonic() - began:.1f} s")
    finally:
        hub.on(machine)
    wait_until(f"{machine} is Ready", lambda: machine in nodes(), 180)
    wait_until("the hub is well",
               lambda: not operator.types("sh", "-c", "inv hub.status || test $? = 3").said.count("silent"),
               240)


def test_the_whole_is_still_exact(hub, operator):
    operator.inv("hub.upgrade")
    assert operator.bootstrap()["changes"] == 0
