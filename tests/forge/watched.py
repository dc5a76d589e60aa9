"""Debian's programs for metrics, running with rooster's own settings in a network namespace that has the addresses of all machines: one
exporter answers for all, one web server for the API servers, the published names and the webhook, and a mail server keeps what it is
told. A machine is off while its address is gone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SOONER = {"prometheus.yml": (r"\b30s", "1s"), "coop.rules.yml": (r"for: \d+[mh]", "for: 2s"),
          "alertmanager.yml": (r"(group_\w+): \w+", r"\1: 1s")}  # a mail in seconds, not in minutes

_START = r"""
ip link set lo up
mount -t tmpfs none /usr/share; ln -s "$SHARE" /usr/share
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -subj /CN=web -days 90 -addext subjectAltName=IP:10.0.0.1 2>/dev/null
PYTHONPATH=$PROJECT "$PYTHON" -um tests.mails 2525 >mails &
"$PYTHON" -uc "$WEB" crt key >web &
arguments() { sed -n 's/^ARGS="\(.*\)"$/\1/p' "etc/default/$1"; }
prometheus-node-exporter $(arguments prometheus-node-exporter | sed 's/=10.0.0.1:/=:/') &
prometheus-blackbox-exporter $(arguments prometheus-blackbox-exporter) &
SSL_CERT_FILE=crt prometheus-alertmanager $(arguments prometheus-alertmanager) --config.file=etc/prometheus/alertmanager.yml \
    --storage.path=told &
prometheus $(arguments prometheus) --config.file=etc/prometheus/prometheus.yml --storage.tsdb.path=measured &
wait
"""
# what is asked by a name has to be asked by it twice: in TLS, and in HTTP
_WEB = """
import ssl, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        named = self.headers["Host"] == getattr(self.connection, "name", None)
        self.send_response(200 if self.path == "/readyz" or self.command == "POST" else 302 if named else 500)
        self.end_headers()
    def do_POST(self):
        print(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()
        self.wfile.write(b"ok")  # as Slack and Mattermost say it, and Alertmanager wants it
    def log_message(self, *_):
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:])
context.sni_callback = lambda connection, name, _: setattr(connection, "name", name)
for port in (443, 6443):
    server = ThreadingHTTPServer(("0.0.0.0", port), Web)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
"""


class Watched:
    """What is measured, and what was told."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]):
        self.folder, self.process = folder, process

    def run(self, *words: str) -> str:
        done = subprocess.run(["nsenter", "--net", "--target", str(self.process.pid), *words], capture_output=True, text=True)
        return done.stdout

    def asked(self, query: str) -> dict[str, float]:
        """The answer of Prometheus, by instance."""
        said = self.run("curl", "-sf", "--data-urlencode", f"query={query}", "http://127.0.0.1:9090/api/v1/query")
        return {one["metric"].get("instance", ""): float(one["value"][1]) for one in json.loads(said)["data"]["result"]} if said else {}

    def told(self, file: str) -> str:
        """By "mails", or by "web"."""
        return (self.folder / file).read_text()

    def until(self, holds: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, (self.folder / "log").read_text()[-4000:]
            time.sleep(0.3)


@contextmanager
def watched(folder: Path, addresses: list[str], usr: Path) -> Iterator[Watched]:
    """`folder` has rooster's settings, `usr` the programs."""
    for name, (slow, soon) in SOONER.items():
        file = folder / "etc/prometheus" / name
        file.write_text(re.sub(slow, soon, file.read_text()))
    environment = {"PATH": f"{usr}/bin:{os.environ['PATH']}", "SHARE": f"{usr}/share/prometheus", "ADDRESSES": " ".join(addresses),
                   "PROJECT": str(PROJECT), "PYTHON": sys.executable, "WEB": _WEB}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", _START], cwd=folder, env=os.environ | environment,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield Watched(folder, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
