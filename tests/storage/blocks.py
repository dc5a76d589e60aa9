"""A client's program that writes, with fsync, and knows what it was told to be on disk."""

from __future__ import annotations

import subprocess
import threading
import time


class Writer:
    """Somebody on the node who writes numbered blocks of 4 KiB into a file, each with fsync, and says which of them are on disk."""

    def __init__(self, ssh: list[str], path: str, pause: float = 0.0) -> None:
        self.last = -1  # the last block that is on disk, as the writer was told
        self._process = subprocess.Popen([*ssh, "sudo", "python3", "-u", "-"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        assert self._process.stdin
        self._process.stdin.write(f"""
import os, time
file = os.open({path!r}, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
for number in range(1000000):
    os.write(file, b"%4095d\\n" % number)
    os.fsync(file)
    print(number, flush=True)
    time.sleep({pause})
""")
        self._process.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.last = int(line)

    def until(self, number: int, limit: float = 300.0) -> None:
        """Waits for this block. AssertionError when it does not come."""
        began = time.monotonic()
        while self.last < number:
            assert time.monotonic() - began < limit and self._process.poll() is None, f"{self.last} of {number}"
            time.sleep(0.1)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)
