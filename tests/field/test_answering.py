"""The hub's token goes to a node of the rack and to nobody else that answers for the hub's address: by real ARP, between two namespaces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.programs import text

NODE, STRANGER = "02:00:00:00:01:01", "02:00:00:00:09:09"
HUB = """
import http.server, json, pathlib, socketserver, sys
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[1] + "/asked", "a") as asked:
            print(self.path, self.headers["Authorization"], file=asked)
        body = json.dumps([] if "users" in self.path else {"version": "5.4"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
server = socketserver.TCPServer(("10.0.1.54", 80), Hub)
pathlib.Path(sys.argv[1], "ready").touch()
server.serve_forever()
"""
WIRE = """
set -e
unshare --net sleep 60 >/dev/null 2>&1 & far=$!; hub=; trap 'kill $far $hub' EXIT
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link add inner type veth peer name hub0 address "$MAC" netns $far; ip addr add 10.0.1.1/24 dev inner; ip link set inner up
in_far() { nsenter --net --target $far "$@"; }
in_far ip addr add 10.0.1.54/24 dev hub0; in_far ip link set hub0 up
nsenter --net --target $far python3 hub.py . >/dev/null 2>&1 & hub=$!
until [ -e ready ]; do sleep 0.1; done
python3 client.py
"""


@pytest.mark.parametrize("mac", [NODE, STRANGER])
def test_only_a_node_is_told_the_token(tmp_path, mac):
    about = {"do": "info", "address": "10.0.1.54", "port": 80, "tls": False, "host": "hub.flock.example", "base": "/", "token": "t0ken",
             "macs": [NODE, "02:00:00:00:01:02"]}
    (tmp_path / "hub.py").write_text(HUB)
    (tmp_path / "client.py").write_text(f"{text('hub_client.py')}\nsys.exit(main({about!r}))\n")
    environment = {"MAC": mac, "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(["unshare", "--net", "sh", "-c", WIRE], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    asked = tmp_path / "asked"
    if mac == NODE:
        assert done.returncode == 0 and json.loads(done.stdout)["version"] == "5.4", done.stderr
        assert "token t0ken" in asked.read_text()
    else:
        assert done.returncode == 1 and f"{STRANGER} answers for 10.0.1.54, and is no node of the rack" in done.stderr
        assert not asked.exists()
