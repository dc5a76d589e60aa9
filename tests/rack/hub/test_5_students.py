"""Who is let in, and what a student's server has, may and reaches."""

from __future__ import annotations

import shlex

import pytest

from tests.rack.hub.conftest import KUBECTL, NAME, PUBLIC

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


@pytest.mark.parametrize("profile", ["default", "large", "marimo"])
def test_each_profile_runs_a_cell(hub, operator, profile):
    assert "ran a cell" in operator.inv("hub.prove", "--profile", profile).said


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


# of control groups of version 2, else of 1: bytes of memory; microseconds of work in each period of 100 ms
LIMITS = """
cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes
cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
"""


@pytest.mark.parametrize("profile, gib, cores", [("default", 1, 2), ("large", 2, 3), ("marimo", 1, 2)])
def test_limits_are_real(start, inside, profile, gib, cores):
    start(profile)
    run = f"{KUBECTL} exec jupyter-student -- "
    memory, quota = inside("rooster", f"{run} sh -c {shlex.quote(LIMITS)}").splitlines()
    assert (int(memory), int(quota.split()[0])) == (gib << 30, cores * 100_000)
    greedy = f"python3 -c 'len(bytes(range(256)) * ({gib + 1} << 22))'; echo ended with $?"
    assert "137" in inside("rooster", f"{run} sh -c {shlex.quote(greedy)}", check=False)


def test_an_operator_stops_a_server(server, operator):
    assert "the server of student is stopped" in operator.inv("hub.stop-server", "student").said
    assert "student had no server" in operator.inv("hub.stop-server", "student").said
