"""What the world reaches: the right name with its certificate, and nothing else."""

from __future__ import annotations

import re

from tests.rack.hub.conftest import ADDRESS, NAME, PUBLIC


def test_the_name_leads_to_the_hub_and_nothing_else_does(page, world):
    assert "Flock" in page("/hub/login")
    assert page("/hub/login", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}",
                port=80).startswith("308 https://")
    for scheme, port in (("https", 443), ("http", 80)):
        for wrong in ("wrong.example", PUBLIC, "jupyter.flock.example.evil.example"):
            code, said = world("curl", "-ksS", "--max-time", "10", "--resolve", f"{wrong}:{port}:{PUBLIC}",
                               f"{scheme}://{wrong}/")
            assert code in (35, 52), (wrong, said)


def test_the_certificate_is_for_the_name(page, world):
    """Issued by the lab's authority, which asked the name's port 80 as the world does."""
    _, said = world(
        "sh", "-c", f"openssl s_client -connect {PUBLIC}:443 -servername {NAME} </dev/null 2>/dev/null | "
        "openssl x509 -noout -issuer -ext subjectAltName")
    assert "Pebble" in said and f"DNS:{NAME}" in said


def test_a_challenge_reaches_the_cluster(page):
    said = page("/.well-known/acme-challenge/nobody", "-D", "-", "-o", "/dev/null", port=80)
    assert re.search(r"^server: caddy", said, re.IGNORECASE | re.MULTILINE), said


# services' ports, and those that a cluster gives its services on every node
SCAN = """
import socket
from concurrent.futures import ThreadPoolExecutor
def answers(place):
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(place) == 0
for address in {addresses}:
    places = [(address, port) for port in (*range(1, 10300), *range(30000, 32768))]
    with ThreadPoolExecutor(500) as pool:
        print(address, *(port for (_, port), yes in zip(places, pool.map(answers, places)) if yes))
"""


def test_other_ports_are_closed(world):
    _, said = world("python3", "-c", SCAN.format(addresses=("128.120.136.26", PUBLIC)))
    assert said.splitlines() == ["128.120.136.26 22", f"{PUBLIC} 80 443"]


def test_gateway_publish_shows_each_row(hub, operator):
    [row] = re.findall(rf"^{NAME} .*", operator.inv("gateway.publish").said, re.MULTILINE)
    assert PUBLIC in row and ADDRESS in row and "chick" in row and "refused" in row and "Pebble" in row
