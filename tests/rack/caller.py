"""Asks a rack's API again and again by the endpoint's name, as a program would, and writes each answer's time.

    caller.py KUBECONFIG HOSTS ENDPOINT PER-SECOND OUT

It runs in a machine's network, with that machine's /etc/hosts: addresses are tried in the order that stands there, and an
unanswered one is left after ten seconds, as by Go's dialer with three of them. Ten connections stay; a request on them waits 45 s for
its answer: so long Kubernetes' own clients take to give up a connection on which nothing comes. Beside them somebody connects again,
five times a second. OUT has a line for each answer: when, the number of the connection (-1: a new one), and the address that it leads
to. It ends with its stdin.
"""

import base64
import http.client
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
from functools import partial

import yaml

WORKERS, NEW = 10, -1
DIAL, ANSWER = 10.0, 45.0


def client_context(kubeconfig: str) -> ssl.SSLContext:
    """TLS as the kubeconfig's user."""
    with open(kubeconfig) as file:
        said = yaml.safe_load(file)
    cluster, user = said["clusters"][0]["cluster"], said["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context


def addresses(hosts: str, name: str) -> list[str]:
    """What a hosts file says of a name, in its order."""
    with open(hosts) as lines:
        return [words[0] for words in (line.split("#")[0].split() for line in lines) if name in words[1:]]


class Connection(http.client.HTTPSConnection):
    """To the first address that lets it in."""

    def __init__(self, name: str, found: list[str], context: ssl.SSLContext):
        super().__init__(name, 6443, context=context)
        self.found, self.with_tls = found, context

    def connect(self) -> None:
        for address in self.found:
            try:
                plain = socket.create_connection((address, self.port), timeout=DIAL)
                plain.settimeout(ANSWER)
                self.sock = self.with_tls.wrap_socket(plain, server_hostname=self.host)
                self.at = address
                return
            except OSError as why:
                last = why
        raise last


def work(connection: Connection, begin: float, step: float, answered) -> None:
    """One request each `step` seconds, on a connection that stays."""
    turn = begin
    while True:
        time.sleep(max(0.0, turn - time.monotonic()))
        ask(connection, answered)
        turn = max(turn + step, time.monotonic())


def ask(connection: Connection, answered) -> None:
    try:
        connection.request("GET", "/api/v1/namespaces/default")
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            answered(connection.at)
    except (OSError, http.client.HTTPException):
        connection.close()


def connect_again(connect, answered) -> None:
    """One request on a connection of its own."""
    connection = connect()
    ask(connection, answered)
    connection.close()


def main() -> None:
    kubeconfig, hosts, name, per_second, out = sys.argv[1:]
    connect, step = partial(Connection, name, addresses(hosts, name), client_context(kubeconfig)), WORKERS / float(per_second)
    written = threading.Lock()
    with open(out, "w", buffering=1) as file:
        def answered(number: int, address: str) -> None:
            with written:
                file.write(f"{time.time():.3f} {number} {address}\n")
        for number in range(WORKERS):
            words = (connect(), time.monotonic() + number * step / WORKERS, step, partial(answered, number))
            threading.Thread(target=work, args=words, daemon=True).start()
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            threading.Thread(target=connect_again, args=(connect, partial(answered, NEW)), daemon=True).start()


if __name__ == "__main__":
    main()
