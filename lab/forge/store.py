"""The cache: one folder a part, whole or not there at all; and how long each took."""
from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.forge.part import Part

#: A folder that no build has asked for in this many days belongs to a checkout that is gone.
FORGOTTEN_AFTER = 14


class Store:
    """The folders of parts under `root`, named `<part>-<key>`. Several processes may build in it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (root, root / "logs", root / "locks"):
            folder.mkdir(parents=True, exist_ok=True)
        self._times = root / "times.json"

    def folder(self, part: Part) -> Path:
        return self.root / part.folder

    def has(self, part: Part) -> bool:
        return self.folder(part).is_dir()

    def log(self, part: Part) -> Path:
        return self.root / "logs" / f"{part.name}.log"

    @property
    def scratch(self) -> Path:
        """Downloads and compiler caches: shared by all parts while building, gone when all is built."""
        return self.root / "scratch"

    def fill(self, part: Part, recipe: Callable[[Path], None]) -> bool:
        """Let `recipe` fill an empty folder, which becomes the part's if it ends well.

        If another process is at the same part, waits for it, takes what it made and returns False.
        """
        with (self.root / "locks" / part.name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.has(part):
                return False
            unfinished = self.root / f"{part.folder}.building"
            with suppress(FileNotFoundError):
                shutil.rmtree(unfinished)
            unfinished.mkdir()
            recipe(unfinished)
            unfinished.rename(self.folder(part))
            return True

    @contextmanager
    def at_work(self, parts: Iterable[Part]) -> Iterator[None]:
        """Around a build of `parts`. The last process to be done empties the scratch folder and tidies up."""
        with (self.root / "locks" / "all").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._tidy(parts)

    def _tidy(self, parts: Iterable[Part]) -> None:
        """Remove what only a build in progress needs, what was never finished, and what nobody uses now."""
        for part in parts:
            os.utime(self.folder(part))
        forgotten, mounted = time.time() - FORGOTTEN_AFTER * 86400, _mounts()
        for folder in self.root.iterdir():
            unfinished = folder == self.scratch or re.fullmatch(r".+-[0-9a-f]{12}\.building", folder.name)
            whole = re.fullmatch(r".+-[0-9a-f]{12}", folder.name)
            if unfinished or (whole and folder.stat().st_mtime < forgotten and folder.name not in mounted):
                shutil.rmtree(folder)

    def usual(self, part: Part) -> float | None:
        """Seconds the part of this name took when it was last built here."""
        return self._read_times().get(part.name)

    def took(self, part: Part, seconds: float) -> None:
        """Remember it. Call from one thread only."""
        times = self._read_times() | {part.name: round(seconds, 1)}
        beside = self._times.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(times, indent=1, sort_keys=True) + "\n")
        beside.rename(self._times)

    def _read_times(self) -> dict[str, float]:
        try:
            return json.loads(self._times.read_text())
        except (FileNotFoundError, ValueError):
            return {}


def _mounts() -> str:
    """What is mounted in any namespace of this computer: a lab may have been up for weeks on an old root."""
    found = []
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        with suppress(OSError):             # the process has ended
            found.append(table.read_text(errors="replace"))
    return "".join(found)
