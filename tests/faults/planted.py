"""Secrets that a run is given, and where they are looked for: nowhere but in their own files may one be seen.

They are made up, and nobody else's. A run on the swarm writes two of them into files and borrows the third.
"""

from __future__ import annotations

import os
import re
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

JOIN_TOKEN = "q7w4zk.p3m9x2v8n5t6r1y0"
KUBECONFIG_KEY = "MHcCAQEEIFaultsPlantedKeyFaultsPlantedKeyFaultsPlantedKeyoAoGCCqG"
CHART_PASSWORD = "planted-password-of-a-chart-73"
PLANTED = (JOIN_TOKEN, KUBECONFIG_KEY, CHART_PASSWORD)
FORMS = tuple(form for value in PLANTED for form in (value, b64encode(value.encode()).decode()))
# what a real bootstrap makes: a join token, a private key, a kubeconfig's key in its base64 form. An event about the node
# chick0 has a name of a token's form: "chick0." and sixteen digits
MADE = re.compile(r"\b(?!q7w4zk|chick\d\.)[a-z0-9]{6}\.[a-z0-9]{16}\b|PRIVATE KEY-"
                  r"|client-key-data: \w|LS0tLS1CRUdJTiB[A-Za-z0-9+/]*UFJJVkFURSBLRV")

Look = Callable[[str], str | None]


def planted(text: str) -> str | None:
    """The first planted secret in a text."""
    return next((form for form in FORMS if form in text), None)


def made(text: str) -> str | None:
    """The first thing in a text that looks like a secret which Kubernetes makes."""
    found = MADE.search(text)
    return found and found[0][:12]


class Watcher(threading.Thread):
    """Reads every process's command line and environment, and all temporary files, while a trial goes on.

    A process is read when it is new, and again at the next look: by then it has become another program.
    """

    def __init__(self, look: Look, folders: Callable[[], Iterable[Path]], pause: float = 0.3):
        super().__init__(daemon=True)
        self.look, self.folders, self.pause = look, folders, pause
        self.seen: dict[str, str] = {}
        self._known: Counter[str] = Counter()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            there = [name for name in os.listdir("/proc") if name.isdigit()]
            self._known = Counter({name: self._known[name] + 1 for name in there})
            for name in there:
                if self._known[name] <= 2:
                    self._read(Path("/proc", name, "cmdline"))
                    self._read(Path("/proc", name, "environ"))
            for folder in self.folders():
                for file in files(folder):
                    self._read(file)
            time.sleep(self.pause)

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                text = file.read(1 << 18).decode(errors="replace")
        except OSError:
            return
        if found := self.look(text):
            self.seen[str(path)] = found


def files(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder, as far as it can be walked."""
    try:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                yield from files(path)
            elif path.is_file():
                yield path
    except OSError:
        return
