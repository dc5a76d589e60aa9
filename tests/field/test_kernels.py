"""The canary's cell, by the kernels that images have: tests/cases/field/kernels.yaml. A small server answers as Jupyter's does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from fabfile.programs.hub_client import Api, Failed, kernel_of, run_cell

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/field/kernels.yaml").read_text())


class Jupyter(BaseHTTPRequestHandler):
    """Kernels by name and language; `replies` are messages of the one that is started."""

    protocol_version = "HTTP/1.1"
    case: dict
    started: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def _json(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        self.started.append(asked.get("name", ""))
        self._json({"id": "k1"}, 201)

    def do_DELETE(self) -> None:
        self._json({}, 204)

    def do_GET(self) -> None:
        if self.path.endswith("/api/kernelspecs"):
            specs = {name: {"name": name, "spec": {"language": language}} for name, language in self.case["kernels"].items()}
            return self._json({"default": self.case["default"], "kernelspecs": specs})
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        asked = json.loads(self._receive())
        for kind, content in self.case["replies"]:
            self._send(json.dumps({"msg_type": kind, "content": content, "parent_header": {"msg_id": asked["header"]["msg_id"]}}))
        self.rfile.read(1)  # until the other side goes

    def _receive(self) -> bytes:
        _, second = self.rfile.read(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.rfile.read(2 if size == 126 else 8), "big")
        mask = self.rfile.read(4)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(size)))

    def _send(self, text: str) -> None:
        data = text.encode()
        assert len(data) < 65536
        self.wfile.write(bytes([0x81, 126]) + len(data).to_bytes(2, "big") + data)
        self.wfile.flush()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_cell_by_the_kernels_that_there_are(case):
    handler = type("Handler", (Jupyter,), {"case": case, "started": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = Api("127.0.0.1", server.server_port, False, "127.0.0.1", "/lab/", "token")
    try:
        name, sums = kernel_of(api, "/lab/user/canary/", case.get("wanted"))
        assert (name, sums) == (case["takes"], case["sums"])
        said = run_cell(api, "/lab/user/canary/", "6*7" if sums else "", name, 10)
        assert said == case["says"] and handler.started == [case["takes"]]
    except Failed as error:
        assert case.get("fails") and case["fails"] in str(error)
    else:
        assert "fails" not in case
    finally:
        server.shutdown()
