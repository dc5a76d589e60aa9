"""A root shell on this computer, for a run that is started on rooster itself."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import suppress

from fabfile.engine.errors import LinkError, LinkLost, RootRefused


class LocalShell:
    """The transport of a root shell in a process of its own, which is out of the terminal's Ctrl-C."""

    def __init__(self, machine: str):
        self._start(machine, [*(() if os.geteuid() == 0 else ("sudo", "-n")), "sh", "-s", "here"])

    def _start(self, machine: str, command: list[str]) -> None:
        self._machine = machine
        self._process = subprocess.Popen(command, bufsize=0, start_new_session=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        self._held = b""
        self._first = b""

    def write(self, data: bytes) -> None:
        # The shell answers while it is still told: unread answers would fill its pipe, and both would wait.
        while data:
            readable, writable, _ = select.select([self._from], [self._to], [])
            try:
                if readable:
                    self._receive()
                if writable:
                    data = data[os.write(self._to.fileno(), data[:select.PIPE_BUF]):]
            except OSError:
                raise self._lost() from None

    def read(self, timeout: float) -> bytes:
        if not self._held:
            if not select.select([self._from], [], [], timeout)[0]:
                raise TimeoutError
            self._receive()
        data, self._held = self._held, b""
        self._first = self._first or data
        return data

    def _receive(self) -> None:
        data = os.read(self._from.fileno(), 1 << 16)
        if not data:
            raise self._lost()
        self._held += data

    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._to.close()
        self._from.close()
        with suppress(subprocess.TimeoutExpired):  # idle, it ends now and frees its locks; else when its command ends
            self._process.wait(1.0)

    def _lost(self) -> LinkError:
        if self._first.startswith(b"sudo:"):
            return RootRefused(self._machine, self._first.decode(errors="replace").strip().splitlines()[-1],
                               hint="you need sudo without a password here")
        return LinkLost(self._machine, "the root shell on this computer has ended")
