"""~/.ssh/config is not read; when it has an entry for one of the rack's machines, that is said."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

FILE = "~/.ssh/config"


def unread_entries(names: Iterable[str]) -> str:
    """One sentence about those of these machines that have an entry of their own in ~/.ssh/config; empty when none has.

    What it includes is not looked at: `inv rack.ssh-config` says itself how to include what it prints.
    """
    import paramiko

    try:
        patterns = paramiko.SSHConfig.from_path(Path(FILE).expanduser()).get_hostnames()
    except (OSError, ValueError, paramiko.SSHException):  # nobody has said anything, or nothing that could be read
        return ""
    own = [pattern for pattern in patterns if pattern.strip("*?") and not pattern.startswith("!")]
    found = [name for name in names if any(fnmatch(name, pattern) for pattern in own)]
    if not found:
        return ""
    return f"{FILE} has an entry for {', '.join(found)}, which is not read: hosts.yaml says how the rack's machines are reached"
