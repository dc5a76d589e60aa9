"""Files that tasks write on this computer: atomically, and one task at a time in a rack's folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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


def rewrite(file: Path, change: Callable[[str], str], dry: bool = False) -> tuple[str, str]:
    """Changes the text of a file that is there, its mode kept, while no other task does; the text before, and after. It is
    written only where these differ, and with `dry` never."""
    from invoke import Exit

    from fabfile.rack.editing import Uneditable

    file = file.resolve()
    with nullcontext() if dry else alone(file.parent):
        before = file.read_bytes().decode()
        try:
            after = change(before)
        except Uneditable as wrong:
            raise Exit(f"{file.name}: {wrong} Write these lines by hand; nothing was written", code=1) from None
        if after != before and not dry:
            write(file, after, file.stat().st_mode & 0o777)
        return before, after
