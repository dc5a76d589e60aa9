"""A small Redfish service for one machine (lab/bmc/machine.py), in this process or in another.

    python -m lab.bmc.redfish SOCKET <settings      the machine's socket; JSON: see Settings

Its resources are those of a maker. Every request is written down, as a line of JSON, before it is answered. `misbehaves` has
what makers' BMCs do: see Service.
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.bmc import resources
from lab.bmc.machine import Machine, Remote

SYSTEMS = "/redfish/v1/Systems"
OPEN = ("/redfish", "/redfish/", "/redfish/v1", "/redfish/v1/", "/redfish/v1/odata", "/redfish/v1/$metadata")  # to anybody
WRITABLE = {"Boot", "IndicatorLED", "LocationIndicatorActive"}


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
        self.settings, self.misbehaves = settings, set(settings.misbehaves)
        self.resources = resources.complete(settings.resources)
        self.tokens: dict[str, str] = {}  # of sessions, to their paths
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
        """None: there is none."""
        if path == self.system:
            return {**self.resources[path], "PowerState": "On" if self.machine.on else "Off"}
        return self.resources.get(resources.ROOT if path == "/redfish/v1" else path)

    def session(self, login: dict[str, Any]) -> tuple[str, str] | None:
        """A session's path and token; None: the login is wrong."""
        if f"{login.get('UserName')}:{login.get('Password')}" != self.settings.account:
            return None
        path, token = f"{resources.SESSIONS}/{secrets.token_hex(4)}", secrets.token_hex(16)
        self.resources[path] = resources.whole(path, {"UserName": login["UserName"]})
        self.tokens[token] = path
        self._list_sessions()
        return path, token

    def end_session(self, path: str) -> None:
        del self.resources[path]
        self.tokens = {token: one for token, one in self.tokens.items() if one != path}
        self._list_sessions()

    def _list_sessions(self) -> None:
        members = [{"@odata.id": path} for path in self.tokens.values()]
        self.resources[resources.SESSIONS] |= {"Members": members, "Members@odata.count": len(members)}

    def reset(self, kind: Any) -> int:
        """The status of the answer."""
        if kind not in resources.RESETS:
            return 400
        self._reset(kind)
        return 204

    def _reset(self, kind: str) -> None:
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
        if not change or not set(change) <= WRITABLE or (boot is not None and path != self.boots_at):
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
    """What DSP0266 demands of any service's HTTP."""

    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        """`body`: a resource, or a text that is XML; none: an error's, or nothing."""
        if body is None and status >= 400:
            message = {"@odata.type": "#Message.v1_2_1.Message", "MessageId": "Base.1.18.GeneralError", "Message": f"status {status}",
                       "MessageArgs": [], "Severity": "Critical", "MessageSeverity": "Critical", "Resolution": "None."}
            body = {"error": {"code": "Base.1.18.GeneralError", "message": f"status {status}", "@Message.ExtendedInfo": [message]}}
        text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body, indent=2).encode()
        self.send_response(status)
        given = {"OData-Version": "4.0", "Cache-Control": "no-store", "ETag": f'W/"{self.service.version}"', "Allow": self._allowed(),
                 "Link": "</redfish/v1/$metadata>; rel=describedby", **headers}
        if text:
            given["Content-Type"] = "application/xml" if isinstance(body, str) else "application/json;charset=utf-8"
        if status == 401:
            given["WWW-Authenticate"] = 'Basic realm="Redfish"'
        for name, value in given.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def serve(self) -> None:
        service = self.service
        length = int(self.headers.get("Content-Length") or 0)
        try:
            body = json.loads(self.rfile.read(length)) if length else None
        except ValueError:
            return self.answer(400)
        right = self._knows_password()
        service.note(method=self.command, path=self.path, body=None if self._is_login() else body, right=right,
                     tag=self.headers.get("If-Match", ""))
        service.answered += 1
        if "hangs" in service.misbehaves:
            time.sleep(30)
        if not right and not self._is_login() and not (self.command in ("GET", "HEAD") and self.path in OPEN):
            return self.answer(401)
        if "401-once" in service.misbehaves and service.answered == 2:
            return self.answer(401)
        if self.headers.get("OData-Version", "4.0") != "4.0":
            return self.answer(412)
        if self.command in ("GET", "HEAD"):
            return self._read()
        if self.command not in self._allowed():
            return self.answer(405 if self._allowed() else 404)
        if "unlicensed" in service.misbehaves:
            return self.answer(403)
        with service.lock:
            if self._is_login():
                return self._log_in(body)
            if self.command == "POST":
                return self.answer(service.reset((body or {}).get("ResetType")))
            if self.command == "DELETE":
                service.end_session(self.path)
                return self.answer(204)
            return self.answer(service.patch(self.path, body or {}, self.headers.get("If-Match", "")))

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = serve

    def _read(self) -> None:
        service, path = self.service, self.path
        if path in ("/redfish", "/redfish/"):
            return self.answer(200, {"v1": resources.ROOT})
        if path == "/redfish/v1/odata":
            return self.answer(200, resources.index(service.resources))
        if path == "/redfish/v1/$metadata":
            return self.answer(200, resources.metadata(service.resources))
        if (found := service.resource(path)) is not None:
            return self.answer(200, found)
        slashed = path + "/"
        return self.answer(308, Location=slashed) if slashed in service.resources else self.answer(404)

    def _knows_password(self) -> bool:
        return self.headers.get("Authorization") == self.service.account or self.headers.get("X-Auth-Token") in self.service.tokens

    def _is_login(self) -> bool:
        return self.command == "POST" and self.path in (resources.SESSIONS, f"{resources.SESSIONS}/Members")

    def _log_in(self, body: Any) -> None:
        made = self.service.session(body if isinstance(body, dict) else {})
        if made is None:
            return self.answer(401)
        path, token = made
        return self.answer(201, self.service.resources[path], Location=path, X_Auth_Token=token)

    def _allowed(self) -> str:
        path, service = self.path, self.service
        if path.rstrip("/") == f"{service.system.rstrip('/')}/Actions/ComputerSystem.Reset":
            return "POST"
        if path == f"{resources.SESSIONS}/Members":
            return "POST"
        if path not in (*OPEN, *service.resources):
            return ""
        more = {resources.SESSIONS: ", POST", service.system: ", PATCH", service.boots_at: ", PATCH"}.get(path, "")
        return "GET, HEAD" + (", DELETE" if path.startswith(f"{resources.SESSIONS}/") else more)


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
