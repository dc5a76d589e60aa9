"""A small Redfish service, with a machine behind it that can be on or off; it runs on rooster's side of a BMC's network.

    python3 - <settings as JSON>

Its resources are those of a maker (tests/cases/bmc). Every request is written down, as a line of JSON, before it is answered.
`misbehaves` has what makers' BMCs do: see Machine.
"""

import base64
import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SYSTEM_RESET = "#ComputerSystem.Reset"


class Machine:
    """misbehaves: refuses-mode, needs-mode (boot overrides), forgets (them), etag (wants the version of what is changed),
    never-shuts-down, slow-start (the first "on" does nothing), stays-on, unlicensed (403 to changes), 401-once."""

    def __init__(self, settings):
        self.settings, self.resources = settings, settings["resources"]
        self.account = "Basic " + base64.b64encode(settings["account"].encode()).decode()
        self.misbehaves = set(settings["misbehaves"])
        self.system = self.resources["/redfish/v1/Systems"]["Members"][0]["@odata.id"]
        self.version, self.starts, self.answered = 1, 0, 0
        self.lock = threading.Lock()

    def note(self, **line):
        with open(self.settings["log"], "a") as log:
            log.write(json.dumps(line) + "\n")

    @property
    def at(self):
        """The resource that takes boot settings."""
        return next((path for path in self.resources if path.endswith("/SD")), self.system)

    def reset(self, kind):
        body = self.resources[self.system]
        if kind in ("On", "ForceOn") or (kind == "PushPowerButton" and body["PowerState"] == "Off"):
            self.starts += 1
            if "slow-start" in self.misbehaves and self.starts == 1:
                return
            boot = self.resources[self.at]["Boot"]
            self.note(started=boot["BootSourceOverrideTarget"] if boot["BootSourceOverrideEnabled"] != "Disabled" else "")
            if boot["BootSourceOverrideEnabled"] == "Once":
                boot.update(BootSourceOverrideEnabled="Disabled", BootSourceOverrideTarget="None")
            body["PowerState"] = "On"
        elif kind in ("GracefulShutdown", "PushPowerButton"):
            if "never-shuts-down" not in self.misbehaves:
                threading.Timer(1, lambda: body.update(PowerState="Off")).start()
        elif kind == "ForceOff" and "stays-on" not in self.misbehaves:
            body["PowerState"] = "Off"

    def patch(self, path, change, tag):
        """The status of the answer."""
        if "etag" in self.misbehaves and tag != f'W/"{self.version}"':
            return 412 if tag else 428
        boot = change.get("Boot")
        if boot is not None and path != self.at:
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

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, **headers):
        text = json.dumps(body if body is not None else {"error": {"message": f"status {status}"}}, indent=2).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "ETag": f'W/"{machine.version}"', **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0" if status == 204 else str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        right = self.headers.get("Authorization") == machine.account
        machine.note(method=self.command, path=self.path, body=body, right=right, tag=self.headers.get("If-Match", ""))
        machine.answered += 1
        if not right or ("401-once" in machine.misbehaves and machine.answered == 2):
            return self.answer(401)
        if self.command == "GET":
            if self.path in machine.resources:
                return self.answer(200, machine.resources[self.path])
            slashed = self.path + "/"
            return self.answer(308, Location=slashed) if slashed in machine.resources else self.answer(404)
        if "unlicensed" in machine.misbehaves:
            return self.answer(403)
        with machine.lock:
            if self.command == "POST":
                machine.reset(body["ResetType"])
                return self.answer(204)
            return self.answer(machine.patch(self.path, body, self.headers.get("If-Match", "")))

    do_GET = do_POST = do_PATCH = serve


machine = Machine(json.loads(sys.argv[1]))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(machine.settings["certificate"])


class Tls(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        sock, peer = super().get_request()
        sock.settimeout(20)
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), peer


server = Tls((machine.settings["address"], 443), Handler)
machine.note(ready=time.time())
server.serve_forever()
