"""QMP, by which a running QEMU is asked and told: one short connection for each command."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

PATIENCE = 10.0  # seconds until another's connection has ended, or QEMU has made its socket


class MonitorError(Exception):
    """QEMU is not there, or does not do what it was told."""


def tell(control: Path, name: str, **arguments: Any) -> Any:
    """The answer to one command of QMP: tell(folder / CONTROL, "system_reset")."""
    try:
        with connected(control) as port, port.makefile("rw") as line:
            line.readline()  # its greeting
            _say(line, "qmp_capabilities")
            return _say(line, name, **arguments)
    except (OSError, ValueError) as error:
        raise MonitorError(f"{control}: {error}") from None


def _say(line: TextIO, name: str, **arguments: Any) -> Any:
    line.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
    line.flush()
    for text in line:
        answer = json.loads(text)
        if "error" in answer:
            raise MonitorError(f"{name}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]
    raise MonitorError(f"{name}: QEMU ended")


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    """A connection to one of QEMU's sockets, of which each serves one at a time; its path may be longer than a socket's may be."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    until = time.monotonic() + PATIENCE
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            while line.connect_ex(f"/proc/self/fd/{folder}/{path.name}"):
                if time.monotonic() > until:
                    raise MonitorError(f"{path}: nobody listens")
                time.sleep(0.1)
            yield line
    finally:
        os.close(folder)
