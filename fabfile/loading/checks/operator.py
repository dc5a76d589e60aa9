"""The operator's own files: the key is there, is a key and private, the proxy command can be run."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from fabfile.loading.draft import HOSTS, Draft, Wrong
from fabfile.rack import key_file


def identity_file_is_a_key(draft: Draft) -> Iterator[Wrong]:
    if not (draft.operator and draft.operator.identity_file):
        return
    at = ("operator", "identity_file")
    file = Path(draft.operator.identity_file)
    if not _is_file(file):
        yield Wrong(HOSTS, at, f"there is no file {file}", "relative paths begin at the rack's folder")
        return
    try:
        key = key_file.read(file)
    except OSError as error:
        yield Wrong(HOSTS, at, f"{file.name} cannot be read: {(error.strerror or str(error)).lower()}")
    except key_file.NoKey as error:
        yield Wrong(HOSTS, at, f"{file.name}: {error}", error.hint)
    else:
        if not key.half and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Wrong(HOSTS, at, "others may read this key, so ssh refuses it",
                        f"chmod 600 {shlex.quote(str(file))}")


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is longer than any file's
        return False


def proxy_command_runs(draft: Draft) -> Iterator[Wrong]:
    command = draft.operator.proxy_command if draft.operator else None
    if not command:
        return
    program = shlex.split(command)[0]
    found = os.access(program, os.X_OK) if "/" in program else shutil.which(program)
    if not found:
        yield Wrong(HOSTS, ("operator", "proxy_command"), f"there is no program {program}",
                    "relative paths begin at the rack's folder")


ALL = (identity_file_is_a_key, proxy_command_runs)
