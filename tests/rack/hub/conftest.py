"""The hub's story, on the rack that the chapters before it have brought up: what it takes to tell it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.rack.conftest import HUB, HUB_AT, HUB_WITHIN, wait_until
from tests.rack.hub.browser import Browser

NAME, PUBLIC, ADDRESS = HUB, HUB_AT, HUB_WITHIN
KUBECTL = "KUBECONFIG=/home/spicy/.kube/config kubectl -n hub"


@pytest.fixture(scope="session")
def hub(bootstrapped, operator):
    """The lab, with the hub as its rack says it."""
    operator.inv("hub.upgrade")
    return bootstrapped


@pytest.fixture
def edited(hub):
    """Edits files of the rack's configs for one test: file, what stands there, what shall."""
    before: dict = {}

    def edit(name: str, old: str, new: str) -> None:
        file = hub.rack / "configs" / name
        before.setdefault(file, file.read_text())
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    yield edit
    for file, text in before.items():
        file.write_text(text)


@pytest.fixture
def hub_yaml(edited):
    """Edits the rack's hub.yaml for one test."""
    return lambda old, new: edited("hub.yaml", old, new)


@pytest.fixture(scope="session")
def world(hub):
    """Runs a command on the lab's internet, where students are: exit code and what it says."""
    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run([*hub.in_network("internet"), *words], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr
    return run


@pytest.fixture(scope="session")
def page(world):
    """Fetches a page by its name, the hub's by default, as a browser would."""
    def get(path: str, *words: str, port: int = 443, name: str = NAME, public: str = PUBLIC) -> str:
        scheme = "https" if port == 443 else "http"
        resolve = f"{name}:{port}:{public}"
        code, said = world("curl", "-ksS", "--max-time", "20", "--resolve", resolve, *words,
                           f"{scheme}://{name}{path}")
        assert code == 0, said
        return said
    return get


@pytest.fixture
def no_server(hub, api):
    """A student without a server, and none afterwards."""
    def stopped() -> bool:
        api("DELETE", "users/student/server")
        return '"servers": {}' in api("GET", "users/student")

    api("POST", "users/student")
    wait_until("the student's server is gone", stopped, 120)
    yield
    wait_until("the student's server is gone", stopped, 120)


@pytest.fixture
def start(no_server, api):
    """Starts a student's server with a profile, and waits until it runs."""
    def begin(profile: str) -> None:
        api("POST", "users/student/server", json.dumps({"profile": profile}))
        wait_until("the student's server runs", lambda: '"ready": true' in api("GET", "users/student"), 180)
    return begin


@pytest.fixture
def server(start, inside):
    """A student's server, running: asks the uid of its pod."""
    start("default")
    return lambda: inside("rooster", f"{KUBECTL} get pod jupyter-student -o jsonpath='{{.metadata.uid}}'",
                          check=False)


@pytest.fixture
def browser(hub) -> Iterator[Browser]:
    """Chromium on this computer, which finds the hub's name at the lab's porch and no other name anywhere."""
    with Browser(NAME, hub.places.porch.read_text().strip()) as one:
        yield one
