"""How far an emulated machine has come, and what that cost: by what its console says, and its emulator's processor time."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

STAGES = {  # as the console says it; each counts once, when it is first seen
    "loader": r"Loading |Start PXE|Start HTTP",
    "kernel": r"Linux version",
    "installer": r"Detecting network hardware",
    "components": r"Loading additional components",
    "disks": r"Detecting disks|Starting up the partitioner",
    "claim": r"guard: order \S+ is claimed|Partitions formatting",
    "base system": r"Installing the base system",
    "package sources": r"Configuring apt",
    "packages": r"Select and install software",
    "loader on disk": r"Installing GRUB|Installing 'grub",
    "end": r"Finishing the installation",
    "own system": r"Booting from Hard Disk|Booting `?Debian|Welcome to GRUB",
    "login": r" login:",
}
ASKS = re.compile(r"!! ERROR|\[Press enter|Prompt: '\?' for help|Kernel panic|No bootable device|grub> ")


@dataclass(frozen=True)
class Stage:
    name: str
    wall: float  # seconds since it was switched on
    cpu: float  # of its emulator


class Followed(threading.Thread):
    """Reads a machine's console while it runs. `stages`: those that it came to, `asks`: what it waits for an answer to."""

    def __init__(self, lab, name: str):
        super().__init__(daemon=True)
        self.stages: list[Stage] = []
        self.asks = ""
        self._lab, self._name = lab, name
        self._console: Path = lab.places.machine(name) / "console.log"
        self._read = self._console.stat().st_size if self._console.exists() else 0
        self._ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()

    def run(self) -> None:
        began, said, left = None, "", dict(STAGES)
        while not self._ended.wait(1):
            pid = self._lab.status()[self._name].pid
            if pid is None or not self._console.exists():
                continue
            began = began or time.monotonic()
            with self._console.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            self._read += len(new)
            said = said[-200:] + new.decode(errors="replace")
            for name, pattern in list(left.items()):
                if re.search(pattern, said):
                    self.stages.append(Stage(name, time.monotonic() - began, cpu(pid)))
                    print(f"{self._name}: {name}, {self.stages[-1].wall:.0f} s, {self.stages[-1].cpu:.0f} s of a processor", flush=True)
                    del left[name]
            if found := ASKS.search(said):
                self.asks = self.asks or said[max(0, found.start() - 500):]


def cpu(pid: int) -> float:
    """Seconds that a process has had of processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
