"""A client of a hub's API. This file runs on the gateway, with Python's standard library only.

`main` takes a mapping: how the hub is reached (address, port, tls, host, base, token, macs), what to do (do), and with what. It prints one
line of JSON as its last, and ends with 1 and a sentence when it cannot be done; with 4 when the hub is well, and only a user who has
never logged in gets no server.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote


class Failed(Exception):
    """A message for a person."""


class Refused(Failed):
    """The hub answers, and has no server for a user that was made by its API."""


class Api:
    """Requests to one hub, in the name of Coop's service. `macs`: of the nodes that may answer for its address."""

    def __init__(self, address: str, port: int, tls: bool, host: str, base: str, token: str, macs: Iterable[str] = (),
                 **others: Any) -> None:
        self.address, self.port, self.tls, self.host, self.base, self.token, self.macs = address, port, tls, host, base, token, {*macs}

    def connect(self, timeout: float = 20.0) -> socket.socket:
        """A connection to the hub's own address on the rack's wire, to a node; the certificate is for the name, and may be new."""
        plain = socket.create_connection((self.address, self.port), timeout)
        with open("/proc/net/arp") as table:  # an address that is not on a wire of this machine is not in it
            mac = next((row[3].lower() for row in map(str.split, table) if row[0] == self.address and row[2] != "0x0"), "")
        if self.macs and mac and mac not in self.macs:
            plain.close()
            raise OSError(f"{mac} answers for {self.address}, and is no node of the rack: it is told no token (is the address used twice?)")
        if not self.tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=self.host)

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 30.0) -> tuple[int, Any]:
        """Status and body of the answer; JSON where it is JSON. Raises OSError when there is none."""
        with closing(http.client.HTTPConnection(self.host, timeout=timeout)) as connection:
            connection.sock = self.connect(timeout)
            connection.request(method, self.base + path, json.dumps(body) if body is not None else None, self.headers())
            answer = connection.getresponse()
            data = answer.read()
        try:
            return answer.status, json.loads(data)
        except ValueError:
            return answer.status, data.decode(errors="replace")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}", "Content-Type": "application/json", "Host": self.host}

    def get(self, method: str, path: str, body: Any = None, right: tuple[int, ...] = (200, 201, 202, 204)) -> Any:
        """The answer's body. Raises Failed when the hub says no."""
        try:
            status, data = self.ask(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self.host} at {self.address}:{self.port} does not answer: {error}") from None
        if status not in right:
            said = data.get("message", data) if isinstance(data, dict) else str(data)[:200]
            raise Failed(f"{method} {path}: {status} {said}")
        return data

    def user(self, name: str) -> str:
        return "hub/api/users/" + quote(name, safe="")


def wait_for(what: str, seconds: float, look: Callable[[], Any]) -> Any:
    """Asks `look` until it gives something. Raises Failed with what it last complained of."""
    end, said = time.monotonic() + seconds, ""
    while True:
        try:
            if found := look():
                return found
        except Refused:
            raise
        except (OSError, http.client.HTTPException, Failed) as error:
            said = f": {error}"
        if time.monotonic() > end:
            raise Failed(f"after {seconds:.0f} s, {what}{said}")
        time.sleep(0.5)


class Progress(threading.Thread):
    """What the hub says while a server starts."""

    def __init__(self, api: Api, user: str) -> None:
        super().__init__(daemon=True)
        self.api, self.path = api, f"{api.user(user)}/server/progress"
        self.said: list[str] = []

    def run(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):  # it only adds to what is told
            connection = http.client.HTTPConnection(self.api.host)
            connection.sock = self.api.connect(600)
            connection.request("GET", self.api.base + self.path, headers=self.api.headers())
            for line in connection.getresponse():
                if line.startswith(b"data:"):
                    self.said.append(json.loads(line[5:]).get("message", ""))


class WebSocket:
    """Just enough of RFC 6455 to speak with a kernel."""

    def __init__(self, api: Api, path: str, timeout: float) -> None:
        self.link = api.connect(timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
                 "Sec-WebSocket-Version: 13", *(f"{name}: {value}" for name, value in api.headers().items())]
        self.link.sendall("\r\n".join([*lines, "", ""]).encode())
        self.stream = self.link.makefile("rb")
        status = self.stream.readline().decode(errors="replace").strip()
        while self.stream.readline().strip():
            pass
        if " 101 " not in f"{status} ":
            raise Failed(f"the kernel's websocket: {status or 'closed'}")

    def send(self, text: str | bytes, kind: int = 1) -> None:
        data, mask = text.encode() if isinstance(text, str) else text, os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        self.link.sendall(bytes([0x80 | kind]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self) -> bytes:
        """The next whole message."""
        message = b""
        while True:
            first, second = self._read(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
            data, kind = self._read(size), first & 0x0F
            if kind == 9:
                self.send(data, 10)
            elif kind == 8:
                raise Failed("the kernel's websocket was closed")
            elif kind in (0, 1, 2):
                message += data
                if first & 0x80:
                    return message

    def _read(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) < count:
            raise Failed("the kernel's websocket ended")
        return data


_SUMS = {"python", "r", "julia", "octave", "javascript", "typescript", "ruby", "groovy", "scala", "kotlin"}  # in them 6*7 is 42


def kernel_of(api: Api, server: str, wanted: str | None) -> tuple[str, bool]:
    """The kernel that the cell is for, and whether its language has sums: the one that is named, the server's own default, or
    where that has none, another that has."""
    said = api.get("GET", server.removeprefix(api.base) + "api/kernelspecs")
    known = {name: str((one.get("spec") or {}).get("language", "")).lower() in _SUMS for name, one in said["kernelspecs"].items()}
    if wanted and wanted not in known:
        raise Refused(f"the server has no kernel {wanted}, of canary.kernel: it has {', '.join(known) or 'none'}")
    default = said.get("default") or ""
    name = wanted or next((one for one in (default, *known) if known.get(one)), default)
    return name, known.get(name, False)


def run_cell(api: Api, server: str, code: str, kernel_name: str, seconds: float) -> str:
    """What a fresh kernel makes of some code, as plain text. Raises Failed."""
    path = server.removeprefix(api.base) + "api/kernels"
    kernel = wait_for("no kernel starts", seconds, lambda: api.get("POST", path, {"name": kernel_name} if kernel_name else {}))["id"]
    socket_ = WebSocket(api, f"{server}api/kernels/{kernel}/channels", seconds)
    message = os.urandom(16).hex()
    header = {"msg_id": message, "msg_type": "execute_request", "username": "coop", "session": message, "version": "5.3", "date": ""}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    socket_.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}))
    text = ""
    try:
        while True:
            said = json.loads(socket_.receive())
            kind, told = said["msg_type"], said["content"]
            if said["parent_header"].get("msg_id") != message:
                continue
            if kind in ("execute_result", "display_data"):  # R's kernel displays what others return
                text += str(told["data"].get("text/plain", ""))
            elif kind == "stream":
                text += str(told.get("text", ""))
            elif kind == "error":
                raise Failed(f"the cell: {told.get('ename')}: {told.get('evalue')}")
            elif kind == "status" and told.get("execution_state") == "idle":
                return text
    except TimeoutError:
        raise Failed(f"the cell printed nothing within {seconds} s") from None
    finally:
        api.ask("DELETE", f"{path}/{kernel}")


def server_of(api: Api, user: str) -> dict[str, Any] | None:
    """The user's server as the hub sees it; None when there is none."""
    return (api.get("GET", api.user(user)).get("servers") or {}).get("")


def stopped(api: Api, user: str, seconds: float) -> None:
    """Stops the user's server and waits until it is gone; one that is just starting is asked again."""
    def gone() -> bool:
        if server_of(api, user) is None:
            return True
        status, said = api.ask("DELETE", f"{api.user(user)}/server")
        if status >= 400:
            raise Failed(f"{status} {said.get('message', '') if isinstance(said, dict) else ''}")
        return False

    wait_for(f"the server of {user} is still there", seconds, gone)


_HOOK = re.compile(r"\b(run_pre_spawn_hook|run_auth_state_hook|pre_spawn_start)\b")
_LOGIN = re.compile(r"NoneType|auth_state|token|log ?in|expired|groups?\b|\b40[13]\b|Forbidden|Unauthorized", re.IGNORECASE)


def wants_a_login(user: str, said: str, log: str) -> str:
    """Why the hub gave no server, in its own words, where that is for want of a login: the user was made by the API, and has
    no state of an authenticator, nor groups. Empty for any other reason, which everybody would meet."""
    if found := re.search(rf"auth has expired for {re.escape(user)}[^\n]*", said):
        return f"its authenticator refreshes every login before a server starts, and says: {found[0]}"
    if found := re.search(r"No such profile[^\n]*", said + "\n" + log):
        return f"it says: {found[0]}"
    found = re.search(rf"(?s).*Unhandled error starting {re.escape(user)}'s server: (.*)", log)
    error, _, trace = (found[1] if found else "").partition("\n")
    trace = re.split(r"(?m)^\[[A-Z] ", trace)[0]
    raised = next((line.strip() for line in reversed(trace.splitlines()) if re.match(r" *[A-Za-z_][\w.]*(: |$)", line)), error)
    if _HOOK.search(trace) and _LOGIN.search(f"{error} {raised}"):
        return f"its hook ended with {raised}"
    return ""


def last_log(command: Iterable[str]) -> str:
    """What the hub has logged of late; empty where it cannot be asked."""
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run([*command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=20).stdout
    return ""


def lets_in(api: Api, user: str, auth_state: Mapping[str, Any] | None, groups: Iterable[str]) -> None:
    """The user is there, with the state and the groups that a login would have brought."""
    api.get("POST", api.user(user), right=(201, 409))
    if auth_state:
        try:
            api.get("PATCH", api.user(user), {"auth_state": auth_state})
        except Failed as error:
            raise Refused(f"the hub keeps no canary.auth_state ({error}): it needs enable_auth_state and a key") from None
    for group in groups:
        path = "hub/api/groups/" + quote(group, safe="")
        api.get("POST", path, right=(201, 409))
        try:
            api.get("POST", path + "/users", {"users": [user]})
        except Failed as error:
            raise Refused(f"{user} cannot be put into the group {group}, of canary.groups: {error}") from None


def prove(api: Api, user: str, profile: str | None = None, seconds: float = 300, check: str = "server",
          auth_state: Mapping[str, Any] | None = None, groups: Iterable[str] = (), logs: Iterable[str] = (),
          kernel: str | None = None, **others: Any) -> dict[str, Any]:
    """The hub answers; unless health is enough, it lets the user have a server, and a cell runs in it. Seconds of each."""
    began = time.monotonic()
    took: dict[str, float] = {}

    def lap(name: str) -> None:
        took[name] = round(time.monotonic() - began - sum(took.values()), 1)

    wait_for("the hub is not healthy", seconds, lambda: api.ask("GET", "hub/health")[0] == 200)
    version = wait_for("the hub's API does not know Coop's service", 60, lambda: api.get("GET", "hub/api/info"))["version"]
    lap("hub")
    if check == "health":
        return {"version": version, "user": None, "profile": None, "seconds": took}
    lets_in(api, user, auth_state, groups)
    stopped(api, user, seconds)

    def refused(why: str) -> Failed:
        want = wants_a_login(user, why, last_log(logs) if logs else "")
        return Refused(f"the hub answers, and has no server for {user}, who has never logged in: {want}; "
                       "canary.auth_state or canary.groups give what a login brings, canary.check: health goes without a server"
                       ) if want else Failed(f"the hub answers, and has no server for {user}: {why}")

    try:
        api.get("POST", f"{api.user(user)}/server", {"profile": profile} if profile else {})
    except Failed as why:
        raise refused(str(why)) from None
    progress = Progress(api, user)
    progress.start()

    def ready() -> dict[str, Any] | None:
        server = server_of(api, user)
        if server is None:
            raise Lost(f"the server of {user} did not start")
        return server if server["ready"] else None

    try:
        server = wait_for(f"the server of {user} has not started", seconds, ready)
    except (Failed, Lost) as why:
        raise refused("; ".join([str(why), *last_messages(progress.said)])) from None
    lap("server")
    try:
        # again where it is cut short: an address that moves to another node ends what went through the previous one
        name, sums = wait_for("the server does not tell its kernels", 60, lambda: kernel_of(api, server["url"], kernel))
        result = wait_for("no cell finished", 60, lambda: (run_cell(api, server["url"], "6*7" if sums else "", name, 60),))[0]
    finally:
        lap("cell")
        stopped(api, user, 120)
    if sums and "42" not in re.findall(r"\d+", result):
        raise Failed(f"6*7 is {result!r} by the kernel {name}")
    lap("stop")
    return {"version": version, "user": user, "profile": profile, "seconds": took}


class Lost(Exception):
    """There is nothing left to wait for."""


def last_messages(said: Iterable[str]) -> list[str]:
    """Of what the hub said, the latest that may say why; that it takes long is known."""
    said = [text for text in dict.fromkeys(filter(None, said)) if "longer than expected" not in text]
    return [text for text in said if "[Warning]" in text][-2:] or said[-3:]


def users(api: Api, **others: Any) -> list[dict[str, Any]]:
    """Every user: name, admin, whether a server runs, last activity."""
    found: list[dict[str, Any]] = []
    offset = 0
    while True:
        page = api.get("GET", f"hub/api/users?limit=200&offset={offset}")
        found += [{"name": user["name"], "admin": user["admin"], "server": bool(user.get("servers")),
                   "last_activity": user.get("last_activity")} for user in page]
        offset += 200
        if len(page) < 200:
            return found


def add(api: Api, user: str, **others: Any) -> dict[str, Any]:
    """A user more; whether it was new."""
    status, _ = api.ask("POST", api.user(user))
    if status not in (201, 409):
        api.get("POST", api.user(user))
    return {"new": status == 201}


def remove(api: Api, user: str, **others: Any) -> dict[str, Any]:
    """A user less; the server is stopped first."""
    stopped(api, user, 120)
    api.get("DELETE", api.user(user))
    return {}


def admin(api: Api, user: str, admin: bool = True, **others: Any) -> dict[str, Any]:
    """A user made admin, or no longer."""
    api.get("PATCH", api.user(user), {"admin": admin})
    return {}


def stop_server(api: Api, user: str, **others: Any) -> dict[str, Any]:
    """A user's server stopped; whether there was one."""
    there = server_of(api, user)
    stopped(api, user, 120)
    return {"stopped": there is not None}


def info(api: Api, **others: Any) -> dict[str, Any]:
    """The hub's version, and who is there."""
    everybody, version = users(api), api.get("GET", "hub/api/")["version"]
    return {"version": version, "users": len(everybody), "servers": sorted(user["name"] for user in everybody if user["server"])}


ACTIONS: Any = {"prove": prove, "users": users, "add": add, "remove": remove, "admin": admin, "stop-server": stop_server, "info": info}


def main(argument: Mapping[str, Any]) -> int:
    """Does what the mapping says. The exit code."""
    try:
        print(json.dumps(ACTIONS[argument["do"]](Api(**argument), **argument)))
    except Failed as error:
        print(error, file=sys.stderr)
        return 4 if isinstance(error, Refused) else 1
    except (OSError, http.client.HTTPException) as error:
        print(f"{argument['host']} at {argument['address']}:{argument['port']}: {error}", file=sys.stderr)
        return 1
    return 0
