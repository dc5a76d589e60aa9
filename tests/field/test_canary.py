"""The canary and JupyterHub itself, of the forge's images, with hooks as deployments have them: tests/cases/field/canary.yaml."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from fabfile.programs import text
from tests.forge.test_hub_config import hub_python

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/field/canary.yaml").read_text())
TOKEN = "0123456789abcdef0123456789abcdef"
CONFIG = """
import os
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}

class Wall(Spawner):
    async def start(self): raise RuntimeError("the spawner was reached")
    async def stop(self, now=False): pass
    async def poll(self): return 0

c.JupyterHub.proxy_class, c.JupyterHub.spawner_class = NoProxy, Wall
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:%(port)d"
c.JupyterHub.bind_url = "http://127.0.0.1:%(port)d/lab/"
c.JupyterHub.db_url = "sqlite:///%(folder)s/hub.sqlite"
c.JupyterHub.cookie_secret_file = "%(folder)s/cookie"
c.ConfigurableHTTPProxy.should_start = False
c.Authenticator.enable_auth_state = True
c.Authenticator.allow_all = True
c.CryptKeeper.keys = [os.urandom(32)]
c.JupyterHub.services = [{"name": "coop", "api_token": "%(token)s", "admin": True}]
"""


@pytest.fixture
def hub(tmp_path):
    """Starts a hub with more configuration; gives its port and the file of its log."""
    running: list[subprocess.Popen[bytes]] = []

    def start(more: str) -> tuple[int, Path]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config, log = tmp_path / "config.py", tmp_path / "log"
        config.write_text(CONFIG % {"port": port, "folder": tmp_path, "token": TOKEN} + more)
        command, environment = hub_python()
        with log.open("wb") as file:
            running.append(subprocess.Popen([*command, "-m", "jupyterhub", "-f", str(config)], cwd=tmp_path, env=environment,
                                            stdout=file, stderr=subprocess.STDOUT))
        until = time.monotonic() + 90
        while time.monotonic() < until and running[0].poll() is None:
            with suppress(OSError), urlopen(Request(f"http://127.0.0.1:{port}/lab/hub/health"), timeout=5):
                return port, log
            time.sleep(0.3)
        raise AssertionError(log.read_text())

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_canary_that_cannot_log_in(hub, case):
    port, log = hub(case["hub"])
    about = {"do": "prove", "address": "127.0.0.1", "port": port, "tls": False, "host": "127.0.0.1", "base": "/lab/", "token": TOKEN,
             "user": "coop-canary", "seconds": 30, "logs": ["cat", str(log)], **case["canary"]}
    program = f"{text('hub_client.py')}\nsys.exit(main({about!r}))\n"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, timeout=100)
    said = done.stdout + done.stderr
    assert done.returncode == case["code"], said + log.read_text()
    for words in case["says"]:
        assert words in said or words in log.read_text(), said
    assert time.monotonic() - began < 30


def test_a_user_of_the_same_hub_is_not_held_up(hub):
    """The hook is right for whoever has logged in: that is why the upgrade must stay."""
    port, log = hub(CASES[0]["hub"])
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    for method, path, body in (("POST", "users/student", b""), ("PATCH", "users/student", b'{"auth_state": {"access_token": "x"}}')):
        urlopen(Request(f"http://127.0.0.1:{port}/lab/hub/api/{path}", data=body, headers=headers, method=method), timeout=20).close()
    with pytest.raises(HTTPError):
        urlopen(Request(f"http://127.0.0.1:{port}/lab/hub/api/users/student/server", data=b"", headers=headers, method="POST"), timeout=20)
    assert "starting student's server: the spawner was reached" in log.read_text()
