"""The operator's own files: the key is there, is a key and private, the proxy command can be run."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path as FilePath

from fabfile.loading.draft import OWN, Draft, Wrong
from fabfile.rack import key_file
from fabfile.rack.files import HOSTS, OPERATORS
from fabfile.rack.reading import Path
from fabfile.rack.spelling import did_you_mean


def identity_file_is_a_key(draft: Draft) -> Iterator[Wrong]:
    if not (draft.operator and draft.operator.identity_file):
        return
    where, at = _place(draft, "identity_file")
    file = FilePath(draft.operator.identity_file)
    if not _is_file(file):
        yield Wrong(where, at, f"there is no file {file}", _relative(draft, "identity_file"))
        return
    try:
        key = key_file.read(file)
    except OSError as error:
        yield Wrong(where, at, f"{file.name} cannot be read: {(error.strerror or str(error)).lower()}")
    except key_file.NoKey as error:
        yield Wrong(where, at, f"{file.name}: {error}", error.hint)
    else:
        if not key.half and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Wrong(where, at, "others may read this key, so ssh refuses it",
                        f"chmod 600 {shlex.quote(str(file))}")


def _relative(draft: Draft, key: str) -> str:
    return "relative paths begin at " + ("the folder of this file" if key in draft.own else "the rack's folder")


def _place(draft: Draft, key: str) -> tuple[str, Path]:
    """The file that says it, and where in it."""
    return (OWN, (key,)) if key in draft.own else (HOSTS, ("operator", key))


def the_operator_is_one_of_them(draft: Draft) -> Iterator[Wrong]:
    """Whoever is not in operators.yaml has no account after the next run."""
    if draft.operators is None or draft.operator is None or draft.operators.operators is None:
        return
    user = draft.operator.user
    if user != "root" and user not in draft.operators.operators:
        yield Wrong(*_place(draft, "user"), f"{user} is not in {OPERATORS}",
                    did_you_mean(user, draft.operators.operators) or "your own account stands in ~/.config/coop/RACK.yaml: user: NAME")
    if "root" in draft.operators.operators:
        yield Wrong(OPERATORS, ("operators", "root"), "root is no person's account", "name the people")


def _is_file(file: FilePath) -> bool:
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
        yield Wrong(*_place(draft, "proxy_command"), f"there is no program {program}",
                    _relative(draft, "proxy_command"))


ALL = (identity_file_is_a_key, proxy_command_runs, the_operator_is_one_of_them)
