"""A machine that is played: its power and its serial port, for a BMC's services (lab/bmc/machine.py)."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path

from lab.bmc.machine import serve

SHUTS_DOWN = 1.0  # seconds


class Played:
    """`heard` is what was typed at its serial port."""

    def __init__(self, on: bool, never_shuts_down: bool = False):
        self.on, self.never_shuts_down = on, never_shuts_down
        self.starts: list[str] = []  # what it was started from, each time
        self.stops: list[str] = []  # "shut down" or "cut"
        self.heard = b""
        self._consoles: list[socket.socket] = []
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="machine")  # a socket's path is short
        self.socket = Path(self._folder.name) / "s"
        self._listening = serve(self, self.socket)

    def start(self, source: str) -> None:
        self.starts.append(source)
        self.on = True

    def stop(self) -> None:
        self.stops.append("cut")
        self.on = False

    def shut_down(self) -> None:
        if not self.never_shuts_down:
            self.stops.append("shut down")
            threading.Timer(SHUTS_DOWN, setattr, (self, "on", False)).start()

    def attach(self, console: socket.socket) -> None:
        with self._lock:
            self._consoles.append(console)
        while data := console.recv(4096):
            self.heard += data
        with self._lock:
            self._consoles.remove(console)

    def says(self, text: str) -> None:
        """At its serial port: to whoever listens, and lost otherwise."""
        with self._lock:
            for console in self._consoles:
                console.sendall(text.replace("\n", "\r\n").encode())

    @property
    def listened_to(self) -> bool:
        return bool(self._consoles)
