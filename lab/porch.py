"""Access from a browser on this computer to what the lab's rooster publishes: a port of the loopback interface.

Each connection to it is passed on to rooster's public address, from the lab's internet, where a student's browser would be.
TLS goes through unopened: a browser has to ask for the hub by its own name, and to be told that it is found here.
"""

from __future__ import annotations

import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path

from . import kernel

HUB = ("128.120.136.54", 443)  # as lab/rack/configs/network.yaml publishes it


def serve(namespace: Path, place: Path) -> None:
    """Listen on a free port of the loopback interface, write "127.0.0.1:PORT" to `place`, and pass on for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    new = place.with_suffix(".new")
    new.write_text(f"127.0.0.1:{listener.getsockname()[1]}\n")
    new.replace(place)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=pass_on, args=(connection, namespace), daemon=True).start()


def pass_on(inner: socket.socket, namespace: Path) -> None:
    """Both directions of one connection, until either side has had enough. This thread moves to the namespace."""
    with inner, suppress(OSError):
        kernel.enter(namespace, kernel.NET)
        with socket.create_connection(HUB, timeout=10) as outer:
            outer.settimeout(None)
            back = threading.Thread(target=pump, args=(outer, inner), daemon=True)
            back.start()
            pump(inner, outer)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one to the other until there are no more."""
    with suppress(OSError), source.makefile("rb", buffering=0) as reading, target.makefile("wb", buffering=0) as writing:
        shutil.copyfileobj(reading, writing, 1 << 16)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
