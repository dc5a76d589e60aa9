"""The API's own address is sent elsewhere: who has asked something is answered, or hears at once that nobody will."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest
from swarm import Host

from fabfile.roles.endpoint import SETTINGS
from fabfile.roles.rendering import render

VIRTUAL, PORT = "10.0.0.10", 6443
SERVER = f"""
import socket, sys, threading, time
def serve(client):
    try:
        while asked := client.recv(100):
            time.sleep(float(asked))
            client.sendall(sys.argv[1].encode())
    except OSError:
        pass
listener = socket.create_server(("0.0.0.0", {PORT}))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
# each asks for something that takes so many seconds, again and again; what it was told, and when
CLIENTS = f"""
import json, socket, threading, time
def tell(seconds, told):
    print(json.dumps({{"asked for": seconds, "told": told, "at": time.time()}}) + "\\n", end="", flush=True)
def ask(seconds):
    while True:
        try:
            client = socket.create_connection(("{VIRTUAL}", {PORT}), timeout=60)
            while True:
                client.sendall(str(seconds).encode())
                told = client.recv(100).decode() or "closed"
                tell(seconds, told)
                if told == "closed":
                    break
                time.sleep(0.05)
        except OSError as error:
            tell(seconds, type(error).__name__)
            time.sleep(0.05)
for seconds in (0, 0.4, 90):
    threading.Thread(target=ask, args=(seconds,)).start()
"""


def commands(kind: str) -> str:
    """The unit's of this kind, in their order; systemd quotes as a shell does."""
    unit = render("chick/etc/systemd/system/coop-endpoint.service", endpoint="kubeapi.flock.lan", settings=SETTINGS,
                  address=VIRTUAL, port=PORT)
    return "\n".join(["set -e", *re.findall(rf"^{kind}=-?(.*)", unit, re.MULTILINE)])


def begun(host: Host, seconds: int, program: str) -> subprocess.Popen:
    """A program that ends by itself, inside a machine."""
    return subprocess.Popen([*host.inside(), "timeout", str(seconds), "python3", "-c", program, host.name],
                            stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("as_the_unit", (True, False), ids=("by the unit", "without its commands"))
def test_the_address_leaves_a_control_plane(operate, as_the_unit):
    """Without the unit's commands, who waits for an answer waits on: so this test can fail."""
    rooster, first, second = operate(chicks=2).swarm.hosts.values()
    first.run(f"ip addr add {VIRTUAL}/32 dev enp1s0")
    servers = [begun(host, 20, SERVER) for host in (first, second)]
    try:
        time.sleep(1)
        clients = begun(rooster, 10, CLIENTS)
        time.sleep(1.5)
        began = time.time()
        if as_the_unit:
            first.run(commands("ExecStop"))
        left = time.time()
        first.run(f"ip addr del {VIRTUAL}/32 dev enp1s0")
        if as_the_unit:
            first.run(commands("ExecStopPost"))
        second.run(f"ip addr add {VIRTUAL}/32 dev enp1s0")
        rooster.run("ip neigh flush dev enp3s0")  # as keepalived tells the wire
        told = [json.loads(line) for line in clients.communicate()[0].splitlines()]
        tables = first.run("nft list tables")
    finally:
        for server in servers:
            server.terminate()
            server.wait()

    def after(seconds: float, moment: float) -> list[str]:
        return [one["told"] for one in told if one["asked for"] == seconds and one["at"] > moment]

    assert "coop-endpoint" not in tables
    assert "chick1" in after(0, left)  # whoever sends something notices by itself
    if as_the_unit:
        assert after(0.4, began)[0] == "chick0"  # it was under way
        assert "chick1" in after(0.4, left)
        assert after(90, began) == ["ConnectionResetError"]
    else:
        assert after(0.4, began + 0.5) == after(90, began) == []
