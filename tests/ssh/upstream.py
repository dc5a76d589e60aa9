"""The internet behind rooster, run there: package repositories and a registry, by HTTP and HTTPS, which write down each request.

Arguments: a folder with HOST/PATH for every file, certificate, key, the file for the requests. A path with a number such
as /deb/307/x.deb is redirected with it, to cdn.test, and so are the registry's blobs. The registry wants a token, which
anybody is given, and shows what is private to nobody who has that one.
"""

import json
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER, CERTIFICATE, KEY, ASKED = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
ADDRESS = "127.0.0.5"
SIGNATURE = "?signature=" + 6000 * "x"  # where packages and images are redirected to has one
REGISTRY, TOKENS = "registry-1.docker.io", "auth.docker.io"


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.headers["Host"]
        if host == TOKENS:
            return self.answer(200, body=json.dumps({"token": "anybody"}).encode())
        if host == REGISTRY:
            repository = self.path.removeprefix("/v2/").partition("/manifests/")[0].partition("/blobs/")[0]
            if self.headers["Authorization"] != f"Bearer {'owner' if repository == 'my/private' else 'anybody'}":
                return self.answer(401, {"WWW-Authenticate": f'Bearer realm="https://{TOKENS}/token",service="registry.docker.io",'
                                                             f'scope="repository:{repository}:pull"'})
            if "/blobs/" in self.path:
                return self.answer(307, {"Location": f"https://cdn.test{self.path}{SIGNATURE}"})
        moved = re.search(r"/(30[1-8])/", self.path)
        file = FOLDER / host / self.path.partition("?")[0].lstrip("/")
        if moved and host != "cdn.test":
            self.answer(int(moved[1]), {"Location": f"https://cdn.test{self.path}{SIGNATURE}"})
        elif not file.is_file():
            self.answer(404)
        elif self.headers["If-None-Match"] == '"1"':
            self.answer(304, {"ETag": '"1"'})
        else:
            time.sleep(0.3)  # so that those who come at the same time do
            kind = "application/vnd.oci.image.manifest.v1+json" if "/manifests/" in self.path else "application/octet-stream"
            self.answer(200, {"Content-Type": kind, "ETag": '"1"', "Cache-Control": "no-store", "Set-Cookie": "a=b", "Vary": "*"},
                        file.read_bytes())

    do_HEAD = do_GET

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        with ASKED.open("a") as log:
            log.write(f"{self.command} {self.headers['Host']}{self.path.partition('?')[0]} {status} "
                      f"{self.headers['Range'] or '-'} {self.headers['Authorization'] or '-'}\n")
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


secured = ThreadingHTTPServer((ADDRESS, 443), Upstream)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
secured.socket = context.wrap_socket(secured.socket, server_side=True)
threading.Thread(target=secured.serve_forever, daemon=True).start()
ThreadingHTTPServer((ADDRESS, 80), Upstream).serve_forever()
