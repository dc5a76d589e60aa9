"""A home that is nearly full, on the pages of JupyterHub itself, of the forge's images: told by a file server that a thread plays."""

from __future__ import annotations

import re
import socket
import threading
import time
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from fabfile.upstream.home_use import home_use
from tests.field.test_canary import hub  # noqa: F401  a fixture

SPAWNER = """
class Homes(Wall):
    volume_mounts = [{"name": "home", "mountPath": "/home/jovyan", "subPath": "{username}"}]
    def _expand_user_properties(self, text): return text.format(username=self.user.name)

c.JupyterHub.spawner_class = Homes
c.JupyterHub.template_vars = {"announcement": "Maintenance on Monday", "other": "kept"}
"""


def page(port: int, name: str) -> str:
    """What a user reads after the login."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    top = f"http://127.0.0.1:{port}/lab/hub"
    form = browser.open(f"{top}/login", timeout=20).read().decode()
    token = re.search(r'name="_xsrf" value="([^"]*)"', form)
    sent = urlencode({"username": name, "password": "any", "_xsrf": token[1] if token else ""}).encode()
    browser.open(f"{top}/login?next=%2Flab%2Fhub%2Fhome", sent, timeout=20).close()
    return browser.open(f"{top}/home", timeout=20).read().decode()


def test_only_the_user_reads_that_the_home_is_nearly_full(hub):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as server:
        def tell() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                with link:
                    link.sendall(f"at {time.time():.0f}\n93 hub/jdoe\n".encode())

        threading.Thread(target=tell, daemon=True).start()
        port, log = hub(SPAWNER + home_use("127.0.0.1", "hub", server.getsockname()[1]))
        until = time.monotonic() + 20
        while "93 % full" not in (read := page(port, "jdoe")) and time.monotonic() < until:
            time.sleep(0.5)
        assert "Maintenance on Monday<br>Your home is 93 % full" in read, log.read_text()
        other = page(port, "anna")
        assert "Maintenance on Monday" in other and "% full" not in other
