"""The socket below SSH, which notices when the other side no longer answers.

Neither TCP nor Paramiko says in good time that the other side has gone: a cut cable looks like a quiet
machine. Each link therefore asks for a sign of life when it has been quiet, and its wire gives up when none
came.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from contextlib import suppress
from typing import Any

PATIENCE = 15.0  # seconds without one byte, then the line is dead
NEARBY = 8.0  # seconds that the gateway may take to reach a machine behind it: three SYNs
PULSE = 5.0  # seconds of quiet, then a sign of life is asked for
_GLANCE = 0.5  # seconds between two looks at the clock


class Wire:
    """What Paramiko takes for a socket: a real one, or a channel of another link.

    `sent` and `received` count bytes. `verdict` says why the wire gave up, else it is empty.
    """

    def __init__(self, sock: Any, process: subprocess.Popen[bytes] | None = None):
        self.sent = self.received = 0
        self.verdict = ""
        self._sock = sock
        self._process = process
        self._heard = time.monotonic()

    def recv(self, size: int) -> bytes:
        try:
            data: bytes = self._sock.recv(size)
        except TimeoutError:
            self._give_up_if_silent()
            raise
        self._heard = time.monotonic()
        self.received += len(data)
        return data

    def send(self, data: bytes) -> int:
        try:
            count: int = self._sock.send(data)
        except TimeoutError:
            self._give_up_if_silent()
            raise
        self.sent += count
        return count

    def settimeout(self, seconds: float) -> None:
        # Paramiko looks ten times a second whether it should stop; `close` wakes it anyway.
        self._sock.settimeout(max(seconds, _GLANCE))

    def excuse(self) -> None:
        """Restart the timeout: a person was waited for on this side."""
        self._heard = time.monotonic()

    @property
    def _closed(self) -> bool:  # Paramiko asks its socket so
        return bool(self._sock._closed)

    def close(self) -> None:
        if isinstance(self._sock, socket.socket):
            with suppress(OSError):  # it was closed from the other side
                self._sock.shutdown(socket.SHUT_RDWR)  # a close alone does not wake who waits in recv
        with suppress(EOFError):  # a channel says goodbye, also inside of a link that is gone
            self._sock.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(0.3)
            except subprocess.TimeoutExpired:  # it hangs as the line does
                self._process.kill()
                self._process.wait()

    def complaint(self) -> str:
        """What the proxy command said when it ended, if this wire has one."""
        if self._process is None or self._process.stderr is None:
            return ""
        try:
            _, said = self._process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            return ""
        return said.decode(errors="replace").strip()

    def _give_up_if_silent(self) -> None:
        if time.monotonic() - self._heard >= PATIENCE:
            self.verdict = f"nothing was received for {PATIENCE:.0f} s"
            raise ConnectionAbortedError(errno.ECONNABORTED, self.verdict)


def direct(address: str, port: int) -> Wire:
    """A TCP connection. Raises OSError."""
    sock = socket.create_connection((address, port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(sock)


def through_command(command: str, address: str, port: int) -> Wire:
    """The stdin and stdout of OpenSSH's ProxyCommand, in which %h, %p and %% are replaced.

    Both are one end of a socket pair: it can be waited for like any other socket. The command gets a session
    of its own, so that Ctrl-C at the terminal does not end it before the run has said goodbye.
    """
    text = command.replace("%%", "\0").replace("%h", address).replace("%p", str(port)).replace("\0", "%")
    here, there = socket.socketpair()
    with there:
        process = subprocess.Popen(f"exec {text}", shell=True, stdin=there.fileno(), stdout=there.fileno(),
                                   stderr=subprocess.PIPE, start_new_session=True)
    return Wire(here, process)
