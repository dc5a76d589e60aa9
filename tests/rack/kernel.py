"""A user's kernel that counts, ten times a second. It is asked in its own pod, past hub and proxy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf -n hub"
START = """
import json, os
from urllib.request import Request, urlopen
base = "http://127.0.0.1:8888" + os.environ["JUPYTERHUB_SERVICE_PREFIX"]
asked = Request(base + "api/kernels", b"{}", {"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}, method="POST")
print(json.load(urlopen(asked))["id"])
"""
CELL = """
import sys
from jupyter_client import BlockingKernelClient, find_connection_file
client = BlockingKernelClient(connection_file=find_connection_file(f"kernel-{sys.argv[1]}.json"))
client.load_connection_file()
client.start_channels()
client.execute_interactive(sys.argv[2], timeout=60)
"""
COUNT = """
import threading, time
counted = [time.time()]
def count():
    while True:
        time.sleep(0.1)
        counted.append(time.time())
threading.Thread(target=count, daemon=True).start()
"""
PAUSES = "print(counted[0], max(later - earlier for earlier, later in zip(counted, counted[1:])))"


@dataclass(frozen=True)
class Kernel:
    node: str  # on which its pod is
    id: str
    inside: Callable[..., str]

    def runs(self, code: str) -> str:
        """What a cell prints."""
        return python(self.inside, self.node, CELL, self.id, code).strip()

    def pauses(self) -> tuple[float, float]:
        """When it began to count, and the longest time since then in which it did not: seconds."""
        began, longest = map(float, self.runs(PAUSES).split())
        return began, longest


def started(api, inside) -> Kernel:
    """That of a new user, in a server of the default profile."""
    wait_until("the hub makes a user", lambda: '"name": "student"' in api("GET", "users/student") + api("POST", "users/student"), 300)
    api("POST", "users/student/server", json.dumps({"profile": "default"}))
    wait_until("the user's server runs", lambda: '"ready": true' in api("GET", "users/student"), 300)
    node = inside("chick0", f"{KUBECTL} get pod jupyter-student -o jsonpath='{{.spec.nodeName}}'")
    kernel = Kernel(node, python(inside, node, START).strip(), inside)
    kernel.runs(COUNT)
    return kernel


def python(inside, node: str, program: str, *words: str) -> str:
    """What a program prints in the pod of the user's server, which is on this node."""
    run = shlex.join(["exec", "-i", "jupyter-student", "--", "python3", "-", *words])
    return inside(node, f"{KUBECTL} {run} <<'PROGRAM'\n{program}\nPROGRAM")
