"""Files that tasks write on this computer: atomically, and one task at a time in a rack's folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other task of this computer reads and writes files of this folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(place: Path, content: str | bytes, mode: int) -> None:
    """The file holds the new content or the previous one, whatever happens; nobody else ever reads a secret one."""
    beside = place.with_name(f".{place.name.lstrip('.')}.new")
    beside.unlink(missing_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(mode)  # whatever the umask says
    beside.replace(place)
