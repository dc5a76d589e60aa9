"""A machine as its BMC sees it: a power button, what a start comes from, a serial port.

A BMC's services are programs of their own, and a machine has any number of them. They ask it over a unix socket, one line on
a connection, and are answered with one:

    power           "on" or "off"
    start SOURCE    "done"; SOURCE is Redfish's word for what this start comes from (Pxe, UefiHttp, Hdd, BiosSetup), or "-": as usual
    stop            "done": its power is cut
    shut-down       "done": its system has been asked to end
    console         "done", and from then on both ways what its serial port says and hears
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Protocol


class Machine(Protocol):
    @property
    def on(self) -> bool: ...

    def start(self, source: str) -> None:
        """It was off. `source` is empty for a start as usual."""

    def stop(self) -> None: ...

    def shut_down(self) -> None: ...

    def attach(self, console: socket.socket) -> None:
        """Has a connection be its serial port, until that ends."""


def serve(machine: Machine, path: Path) -> socket.socket:
    """Answers for a machine at this socket, in threads, until the socket that is returned is closed."""
    listening = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listening.bind(os.fspath(path))
    listening.listen(16)
    threading.Thread(target=_accept, args=(machine, listening), daemon=True).start()
    return listening


def _accept(machine: Machine, listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(machine, connection), daemon=True).start()


def _answer(machine: Machine, connection: socket.socket) -> None:
    with connection:
        verb, _, word = _line(connection).partition(" ")
        match verb:
            case "power":
                connection.sendall(b"on\n" if machine.on else b"off\n")
                return
            case "start":
                machine.start("" if word == "-" else word)
            case "stop":
                machine.stop()
            case "shut-down":
                machine.shut_down()
            case "console":
                connection.sendall(b"done\n")
                machine.attach(connection)
                return
            case _:
                connection.sendall(b"what?\n")
                return
        connection.sendall(b"done\n")


class Remote:
    """A machine that another program serves."""

    def __init__(self, path: Path):
        self._path = path

    @property
    def on(self) -> bool:
        return self._asked("power") == "on"

    def start(self, source: str) -> None:
        self._asked(f"start {source or '-'}")

    def stop(self) -> None:
        self._asked("stop")

    def shut_down(self) -> None:
        self._asked("shut-down")

    def attach(self, console: socket.socket) -> None:
        raise NotImplementedError  # whoever wants it connects by console_of

    def _asked(self, question: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.fspath(self._path))
            connection.sendall(f"{question}\n".encode())
            return _line(connection)


def console_of(path: str | Path) -> socket.socket:
    """The serial port of a machine that another program serves."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.fspath(path))
    connection.sendall(b"console\n")
    assert _line(connection) == "done"
    return connection


def _line(connection: socket.socket) -> str:
    """Not a byte more: behind it a console may begin."""
    text = b""
    while not text.endswith(b"\n"):
        if not (letter := connection.recv(1)):
            break
        text += letter
    return text.decode().rstrip("\n")
