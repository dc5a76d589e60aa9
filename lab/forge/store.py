"""The cache: one folder a part, whole or not there at all; and how long each took."""
from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.forge.part import Part


class Store:
    """The folders of parts under `root`, named `<part>-<key>`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
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

    @contextmanager
    def building(self, part: Part) -> Iterator[Path]:
        """An empty folder that becomes the part's when the block ends well."""
        unfinished = self.root / f"{part.folder}.building"
        with suppress(FileNotFoundError):
            shutil.rmtree(unfinished)
        unfinished.mkdir()
        yield unfinished
        unfinished.rename(self.folder(part))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until no other process builds in this cache."""
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def usual(self, part: Part) -> float | None:
        """Seconds the part of this name took when it was last built here."""
        return self._read_times().get(part.name)

    def took(self, part: Part, seconds: float) -> None:
        """Remember it. Call from one thread only."""
        times = self._read_times() | {part.name: round(seconds, 1)}
        beside = self._times.with_suffix(".new")
        beside.write_text(json.dumps(times, indent=1, sort_keys=True) + "\n")
        beside.rename(self._times)

    def _read_times(self) -> dict[str, float]:
        try:
            return json.loads(self._times.read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def empty_scratch(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.scratch)
