"""Homes that come from another server: which, from where, and what was said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fabfile.programs import shell
from fabfile.upstream.home_folders import folder_of

FOLDER, MARKS = "/etc/coop/move", "/var/lib/coop/moved"  # on the file server: a key to come in with; what was moved
HOME = re.compile(r"[^\s/]+")  # a user's name, or that of a folder
_REMOTE = re.compile(r"[a-z_][a-z0-9_-]{0,31}@([A-Za-z0-9][A-Za-z0-9.-]*):(/[A-Za-z0-9._-]+)+")
_LOCAL = re.compile(r"(/[A-Za-z0-9._-]+)+")
_ENDED = "\nended "


def host_of(source: str) -> str:
    """The host of USER@HOST:/FOLDER, "" for a folder of the file server itself. Raises ValueError for what is neither."""
    if ".." in source.split("/"):
        raise ValueError(source)
    if found := _REMOTE.fullmatch(source):
        return found[1]
    if _LOCAL.fullmatch(source):
        return ""
    raise ValueError(source)


def named(text: str) -> dict[str, str]:
    """Home → folder at the source, from lines "HOME FOLDER"; what begins with # is a comment. Raises ValueError with a sentence."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        home, _, folder = line.strip().partition(" ")
        if not home or home.startswith("#"):
            continue
        if not HOME.fullmatch(home):
            raise ValueError(f"line {number}: {home!r} is no home: its user's name is wanted, such as jdoe")
        if not folder.strip() or not folder.isprintable():
            raise ValueError(f"line {number}: which folder becomes {home}? HOME FOLDER is wanted")
        if home in found:
            raise ValueError(f"line {number}: {home} is there twice")
        found[home] = folder.strip()
    return found


def chosen(names: dict[str, str], only: Iterable[str]) -> dict[str, str]:
    """Of these names those homes, or each from a folder of its own name where there are none. Raises ValueError."""
    wanted = list(only)
    for home in wanted:
        if not HOME.fullmatch(home) or (names and home not in names):
            raise ValueError(f"{home!r} is " + ("not among the names" if names else "no home: its user's name is wanted, such as jdoe"))
    if not wanted:
        return names
    return {home: names.get(home, home) for home in wanted}


def moving(dataset: str, namespace: str, source: str, owner: str, names: dict[str, str], quotas: str, *, dry: bool) -> str:
    """Shell text for the file server. It always ends well: `ended` reads from what it says how it ended."""
    lines = "".join(f"{folder_of(home)} {folder}\n" for home, folder in names.items())
    program = shell("homes_move", dataset=dataset, namespace=namespace, source=source.rstrip("/"), folder=FOLDER, owner=owner, names=lines,
                    quotas=quotas, marks=MARKS, **{"try": "1" if dry else ""})
    return f"code=0; (\n{program}\n) 2>&1 || code=$?\nprintf '\\nended %s\\n' $code"


def ended(said: str) -> tuple[str, int]:
    """What was said, and the program's own exit code; 1 where it did not come to its end."""
    text, mark, code = said.rpartition(_ENDED)
    return (text.strip("\n"), int(code)) if mark and code.strip().isdigit() else (said.strip("\n"), 1)
