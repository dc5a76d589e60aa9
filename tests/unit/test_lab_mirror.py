"""The Debian mirror's cache: what it fetches, what it keeps, what it refuses. All over loopback."""

import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest

from lab.mirror import Cache, Handler


class Upstream(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.endswith("/absent"):
            return self.send_error(404)
        if self.headers.get("If-Modified-Since"):
            self.send_response(304)
            return self.end_headers()
        time.sleep(0.05)
        self.send_response(200)
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, *_):
        pass


def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def mirror(tmp_path):
    """(address of the lab's mirror, its cache, the upstream's server, what the upstream was asked)"""
    upstream_handler = type("Asked", (Upstream,), {"asked": []})
    upstream, address = serving(upstream_handler)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    (tmp_path / "kept").mkdir()
    cache = Cache(tmp_path / "kept", f"{address}/debian", f"{address}/updates", (tmp_path / "own",), opener)
    server, own = serving(type("Served", (Handler,), {"cache": cache, "log_message": lambda *_: None}))
    yield own, cache, upstream, upstream_handler.asked
    for each in (server, upstream):
        each.shutdown()
        each.server_close()


def get(address, **headers):
    request = urllib.request.Request(address, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return answer.status, answer.read()


def test_many_ask_and_it_is_fetched_once(mirror):
    own, _, _, asked = mirror
    package = f"{own}/debian/pool/main/j/jq/jq_1.7_amd64.deb"
    threads = [threading.Thread(target=get, args=(package,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["/debian/pool/main/j/jq/jq_1.7_amd64.deb"]


def test_what_may_change_is_asked_for_again_when_it_is_old(mirror):
    own, cache, _, asked = mirror
    assert get(f"{own}/debian/dists/trixie/InRelease") == (200, b"0123456789")
    get(f"{own}/debian/dists/trixie/InRelease")
    assert len(asked) == 1
    cache.looked_up.clear()
    assert get(f"{own}/debian/dists/trixie/InRelease") == (200, b"0123456789")
    assert len(asked) == 2


def test_without_the_computers_mirror_the_cache_serves(mirror):
    own, cache, upstream, _ = mirror
    get(f"{own}/debian/dists/trixie/InRelease")
    upstream.shutdown()
    upstream.server_close()
    cache.looked_up.clear()
    assert get(f"{own}/debian/dists/trixie/InRelease") == (200, b"0123456789")
    with pytest.raises(HTTPError, match="502"):
        get(f"{own}/debian/dists/trixie/Release")


def test_a_download_goes_on_where_it_was_cut(mirror):
    own, *_ = mirror
    assert get(f"{own}/debian/pool/a.deb", Range="bytes=4-") == (206, b"456789")


def test_apt_learns_that_nothing_has_changed(mirror):
    own, *_ = mirror
    with pytest.raises(HTTPError, match="304"):
        get(f"{own}/debian/dists/trixie/InRelease", If_Modified_Since="Sun, 22 Nov 2026 10:00:00 GMT")


@pytest.mark.parametrize("path", [
    "/", "/debian/", "/debian/../etc/passwd", "/debian/./x", "/debian//x", "/other/pool/x", "/debian/%2e%2e/x",
    "/debian/pool/.hidden", "http://elsewhere.example/x",
])
def test_only_paths_of_an_archive_are_served(mirror, path):
    own, _, _, asked = mirror
    with pytest.raises(HTTPError, match="403"):
        get(own + path if path.startswith("/") else f"{own}/{path}")
    assert not asked


def test_what_is_absent_is_absent(mirror):
    own, *_ = mirror
    with pytest.raises(HTTPError, match="404"):
        get(f"{own}/debian/pool/absent")


def test_updates_come_from_their_own_archive_and_what_the_lab_has_from_nobody(mirror, tmp_path):
    own, *_, asked = mirror
    assert get(f"{own}/debian-security/dists/trixie-security/InRelease") == (200, b"0123456789")
    assert asked == ["/updates/dists/trixie-security/InRelease"]
    (tmp_path / "own/dists/lab").mkdir(parents=True)
    (tmp_path / "own/dists/lab/Release").write_text("the lab's")
    assert get(f"{own}/debian/dists/lab/Release") == (200, b"the lab's")
    assert len(asked) == 1
