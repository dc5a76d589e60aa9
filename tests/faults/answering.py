"""What answers in a lab in place of its own programs, well or badly: names, and a mirror that fails.

    python answering.py names NAMESPACE ADDRESS NAME=ADDRESS…      a name server that knows these names alone
    python answering.py 500 NAMESPACE ADDRESS FOLDER CERTIFICATES  every file is answered with 500
    python answering.py half NAMESPACE ADDRESS FOLDER CERTIFICATES of every larger file only the first half comes

FOLDER has a folder for each host, or the files themselves; or it is the cache of the lab's Debian mirror, whose files
are named by the sha256 of their path. CERTIFICATES has server.crt and server.key, or is "-": then there is no TLS.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))

from lab import kernel

WHOLE = 600  # bytes: what is no longer comes whole also from the mirror that sends halves


class FailingMirror(BaseHTTPRequestHandler):
    """One connection of a machine's apt or curl."""

    protocol_version = "HTTP/1.1"
    kind: str
    folder: Path

    def do_GET(self) -> None:
        file = self.file()
        if self.kind == "500":
            return self.send_error(500)
        if file is None:
            return self.send_error(404)
        data = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if len(data) <= WHOLE else data[:len(data) // 2])
        if len(data) > WHOLE:
            self.close_connection = True

    do_HEAD = do_GET

    def file(self) -> Path | None:
        path = urlsplit(self.path).path
        host = self.headers.get("Host", "").partition(":")[0]
        named = hashlib.sha256(path.removeprefix("/debian").encode()).hexdigest()
        places = (self.folder / host / path.lstrip("/"), self.folder / path.lstrip("/"), self.folder / named)
        return next((place for place in places if place.is_file()), None)

    def log_message(self, *_: object) -> None:
        pass


def mirror(address: str, kind: str, folder: Path, certificates: str) -> None:
    FailingMirror.kind, FailingMirror.folder = kind, folder
    ThreadingHTTPServer.daemon_threads = True
    plain = ThreadingHTTPServer((address, 80), FailingMirror)
    if certificates != "-":
        secure = ThreadingHTTPServer((address, 443), FailingMirror)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(f"{certificates}/server.crt", f"{certificates}/server.key")
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        threading.Thread(target=secure.serve_forever, daemon=True).start()
    print("ready", flush=True)
    plain.serve_forever()


def names(address: str, known: dict[str, str]) -> None:
    """Answers A queries, and nothing else."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind((address, 53))
    print("ready", flush=True)
    while True:
        asked, who = line.recvfrom(1024)
        labels, at = [], 12
        while asked[at]:
            labels.append(asked[at + 1:at + 1 + asked[at]].decode(errors="replace"))
            at += 1 + asked[at]
        question, kind = asked[12:at + 5], struct.unpack(">H", asked[at + 1:at + 3])[0]
        found = known.get(".".join(labels).lower())
        answer = b""
        if found and kind == 1:
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(found)
        flags = 0x8180 if found else 0x8183  # no such name
        head = asked[:2] + struct.pack(">HHHHH", flags, 1, bool(answer), 0, 0)
        line.sendto(head + question + answer, who)


def main(kind: str, namespace: str, address: str, *rest: str) -> None:
    kernel.enter(namespace, kernel.NET)
    if kind == "names":
        names(address, dict(each.split("=") for each in rest))
    else:
        mirror(address, kind, Path(rest[0]), rest[1])


if __name__ == "__main__":
    os.environ.clear()
    main(*sys.argv[1:])
