"""A Debian mirror for the lab: it listens within the lab's internet and fetches from the computer's mirror.

A socket belongs to the network namespace in which it was made, so the lab needs no route to anywhere. Files
that never change (pool/, by-hash/) are kept for ever; others are asked for again after an hour, and served as
they are if that fails: with a full cache the lab needs no mirror at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from . import kernel
from .forge import debian

SECURITY_NAME = "security.debian.org"
FRESH = 3600.0  # seconds
FOR_EVER = re.compile(r"/(pool|by-hash)/")
ALLOWED = re.compile(r"/debian((?:-security)?(?:/[A-Za-z0-9][A-Za-z0-9._+~%:-]*)+)")  # no empty part, none of dots alone


def apt_proxy() -> dict[str, str]:
    """The proxies that this computer's apt is told to use, as urllib wants them."""
    found = {}
    for scheme in ("http", "https"):
        setting = subprocess.run(["apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy"],
                                 capture_output=True, text=True)
        if address := setting.stdout.partition("=")[2].strip().strip("'"):
            found[scheme] = address
    return found or urllib.request.getproxies()


def security() -> str:
    """The archive of Debian's security updates: beside the computer's mirror, where that has it; else Debian's own."""
    beside = f"{debian.mirror()}-security"
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return beside if any(beside in file.read_text(errors="replace") for file in files if file.is_file()) else f"http://{SECURITY_NAME}/debian-security"


@dataclass
class Cache:
    """Files of the mirror, kept by their address."""

    folder: Path
    upstream: str  # http://…/debian
    security: str  # http://…/debian-security
    own: tuple[Path, ...]  # folders whose files are served as if they were Debian's
    opener: urllib.request.OpenerDirector
    looked_up: dict[str, float] = field(default_factory=dict)  # path → when
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def file(self, path: str) -> Path:
        """The file for an allowed path, fetched if need be. Raises urllib's errors if it cannot be had."""
        for folder in self.own:
            if (folder / path[1:]).is_file():
                return folder / path[1:]
        kept = self.folder / hashlib.sha256(path.encode()).hexdigest()
        with self.guard:
            lock = self.locks.setdefault(path, threading.Lock())
        with lock:  # four machines ask for one package: it is fetched once
            there = kept.exists()
            age = time.monotonic() - self.looked_up.get(path, -FRESH)
            if there and (FOR_EVER.search(path) or age < FRESH):
                return kept
            try:
                self.fetch(path, kept)
            except urllib.error.HTTPError as error:
                if error.code != 304 and (not there or error.code == 404):
                    raise
            except OSError:
                if not there:
                    raise
            self.looked_up[path] = time.monotonic()
            return kept

    def fetch(self, path: str, kept: Path) -> None:
        """Bring a file from the mirror if it has changed there; its time of change is the mirror's."""
        beyond = path.removeprefix("-security")
        archive = self.upstream if beyond == path else self.security
        request = urllib.request.Request(archive + beyond, headers={"User-Agent": "Debian APT-HTTP/1.3"})
        if kept.exists():
            request.add_header("If-Modified-Since", formatdate(kept.stat().st_mtime, usegmt=True))
        with self.opener.open(request, timeout=60) as answer:
            part = kept.with_suffix(f".{threading.get_ident()}")
            with part.open("wb") as out:
                shutil.copyfileobj(answer, out, 1 << 20)
            changed = answer.headers.get("Last-Modified")
        when = parsedate_to_datetime(changed).timestamp() if changed else time.time()
        os.utime(part, (time.time(), when))
        part.rename(kept)


class Handler(BaseHTTPRequestHandler):
    """One connection of a machine's apt."""

    protocol_version = "HTTP/1.1"
    cache: Cache

    def do_GET(self, body: bool = True) -> None:
        asked = ALLOWED.fullmatch(urlsplit(self.path).path)
        if not asked:
            return self.send_error(403, "not a path of this mirror")
        try:
            kept = self.cache.file(asked[1])
        except urllib.error.HTTPError as error:
            return self.send_error(error.code, "the computer's mirror says so")
        except OSError as error:
            return self.send_error(502, f"the computer's mirror does not answer: {error}".splitlines()[0])
        self.send(kept, body)

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def send(self, kept: Path, body: bool) -> None:
        with kept.open("rb") as source:
            state = os.fstat(source.fileno())
            changed = formatdate(state.st_mtime, usegmt=True)
            if self.headers.get("If-Modified-Since") == changed:
                self.send_response(304)
                self.send_header("Content-Length", "0")
                return self.end_headers()
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            begin = int(asked[1]) if asked and int(asked[1]) < state.st_size else 0
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{state.st_size - 1}/{state.st_size}")
            self.send_header("Content-Length", str(state.st_size - begin))
            self.send_header("Last-Modified", changed)
            self.end_headers()
            if body:
                source.seek(begin)
                shutil.copyfileobj(source, self.wfile, 1 << 20)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) not in ("200", "206", "304"):
            super().log_request(code, size)


def serve(namespace: Path, address: str, cache: Path, own: tuple[Path, ...] = ()) -> None:
    """Listen at address:80 in the namespace, and serve for ever from this process's own; what is in `own`, first."""
    cache.mkdir(parents=True, exist_ok=True)
    for part in cache.glob("*.*"):  # of a download that was cut short
        part.unlink()
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    kernel.enter(namespace, kernel.NET)
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 64
    server = ThreadingHTTPServer((address, 80), Handler)
    kernel.enter(home, kernel.NET)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(apt_proxy()))
    Handler.cache = Cache(cache, debian.mirror(), security(), own, opener)
    print("fetching from", Handler.cache.upstream, flush=True)
    server.serve_forever()
