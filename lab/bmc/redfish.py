"""A small Redfish service for one machine (lab/bmc/machine.py), in this process or in another.

    python -m lab.bmc.redfish SOCKET <settings      the machine's socket; JSON: see Settings

Its resources are those of a maker. Every request is written down, as a line of JSON, before it is answered. `misbehaves` has
what makers' BMCs do: see Service.
"""

from __future__ import annotations

import base64
import json
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.bmc.machine import Machine, Remote

SYSTEMS = "/redfish/v1/Systems"


@dataclass(frozen=True)
class Settings:
    resources: dict[str, Any]  # by path
    address: str
    certificate: str  # a file: key and certificate
    account: str  # USER:PASSWORD
    log: str
    misbehaves: list[str] = field(default_factory=list)


class Service:
    """misbehaves: refuses-mode, needs-mode (boot overrides), forgets (them), keeps (them after a start), etag (wants the version of
    what is changed), slow-start (the first "on" does nothing), stays-off, stays-on, unlicensed (403 to changes), 401-once, hangs
    (30 s before each answer)."""

    def __init__(self, settings: Settings, machine: Machine):
        self.machine = machine
        self.settings, self.resources, self.misbehaves = settings, settings.resources, set(settings.misbehaves)
        self.account = "Basic " + base64.b64encode(settings.account.encode()).decode()
        self.system = self.resources[SYSTEMS]["Members"][0]["@odata.id"]
        self.version, self.starts, self.answered = 1, 0, 0
        self.lock = threading.Lock()

    def note(self, **line: Any) -> None:
        with open(self.settings.log, "a") as log:
            log.write(json.dumps(line) + "\n")

    @property
    def boots_at(self) -> str:
        """The resource that takes boot settings."""
        return next((path for path in self.resources if path.endswith("/SD")), self.system)

    def resource(self, path: str) -> Any:
        if path == self.system:
            return {**self.resources[path], "PowerState": "On" if self.machine.on else "Off"}
        return self.resources[path]

    def reset(self, kind: str) -> None:
        if kind in ("On", "ForceOn") or (kind == "PushPowerButton" and not self.machine.on):
            self.starts += 1
            if "stays-off" in self.misbehaves or ("slow-start" in self.misbehaves and self.starts == 1):
                return
            self.machine.start(self._takes_override())
        elif kind in ("GracefulShutdown", "PushPowerButton"):
            self.machine.shut_down()
        elif kind == "ForceOff" and "stays-on" not in self.misbehaves:
            self.machine.stop()

    def _takes_override(self) -> str:
        """What the start comes from that is now made."""
        boot = self.resources[self.boots_at]["Boot"]
        source = boot["BootSourceOverrideTarget"] if boot["BootSourceOverrideEnabled"] != "Disabled" else ""
        if boot["BootSourceOverrideEnabled"] == "Once" and "keeps" not in self.misbehaves:
            boot.update(BootSourceOverrideEnabled="Disabled", BootSourceOverrideTarget="None")
        return str(source)

    def patch(self, path: str, change: dict[str, Any], tag: str) -> int:
        """The status of the answer."""
        if "etag" in self.misbehaves and tag != f'W/"{self.version}"':
            return 412 if tag else 428
        boot = change.get("Boot")
        if boot is not None and path != self.boots_at:
            return 400
        if boot is not None:
            if "BootSourceOverrideMode" in boot and "refuses-mode" in self.misbehaves:
                return 400
            if "forgets" in self.misbehaves or ("needs-mode" in self.misbehaves and "BootSourceOverrideMode" not in boot):
                return 204
            self.resources[path]["Boot"].update(boot)
        else:
            self.resources[path].update(change)
        self.version += 1
        return 204


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        text = json.dumps(body if body is not None else {"error": {"message": f"status {status}"}}, indent=2).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "ETag": f'W/"{self.service.version}"', **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0" if status == 204 else str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    def serve(self) -> None:
        service = self.service
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        right = self.headers.get("Authorization") == service.account
        service.note(method=self.command, path=self.path, body=body, right=right, tag=self.headers.get("If-Match", ""))
        service.answered += 1
        if "hangs" in service.misbehaves:
            time.sleep(30)
        if not right or ("401-once" in service.misbehaves and service.answered == 2):
            return self.answer(401)
        if self.command == "GET":
            if self.path in service.resources:
                return self.answer(200, service.resource(self.path))
            slashed = self.path + "/"
            return self.answer(308, Location=slashed) if slashed in service.resources else self.answer(404)
        if "unlicensed" in service.misbehaves:
            return self.answer(403)
        with service.lock:
            if self.command == "POST":
                service.reset(body["ResetType"])
                return self.answer(204)
            return self.answer(service.patch(self.path, body, self.headers.get("If-Match", "")))

    do_GET = do_POST = do_PATCH = serve


class Server(ThreadingHTTPServer):
    """Over TLS, at port 443; its socket stays in the network namespace that it was made in."""

    daemon_threads = True

    def __init__(self, service: Service):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(service.settings.certificate)
        super().__init__((service.settings.address, 443), type("HandlerOfOne", (Handler,), {"service": service}))

    def get_request(self) -> Any:
        sock, peer = super().get_request()
        sock.settimeout(20)
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), peer


def main() -> None:
    service = Service(Settings(**json.load(sys.stdin)), Remote(Path(sys.argv[1])))
    server = Server(service)
    service.note(ready=time.time())
    server.serve_forever()


if __name__ == "__main__":
    main()
