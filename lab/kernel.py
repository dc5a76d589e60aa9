"""The few system calls that Python's standard library does not have: namespaces, mounts, capabilities.

Each function raises OSError with the call's own error number and names what it was done to.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MOUNT, CGROUP, UTS = 0x00020000, 0x02000000, 0x04000000  # CLONE_NEW*
IPC, PID, NET = 0x08000000, 0x20000000, 0x40000000

READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8  # MS_*
REMOUNT, BIND, RECURSIVE, PRIVATE, SHARED = 32, 4096, 16384, 1 << 18, 1 << 20
DETACH = 2  # MNT_DETACH

DROP_FROM_BOUNDING_SET = 24  # PR_CAPBSET_DROP
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}[os.uname().machine]  # the C library has no wrapper for this one

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, what: str, *arguments) -> None:
    if function(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)


def unshare(namespaces: int) -> None:
    """Leave these kinds of namespace for new ones; one of PID holds only what is forked afterwards."""
    _call(_libc.unshare, "unshare", ctypes.c_int(namespaces))


def enter(namespace: str | Path | int, kind: int) -> None:
    """Join a namespace by its path (/run/netns/x, /proc/1/ns/net) or an open descriptor of it."""
    descriptor = namespace if isinstance(namespace, int) else os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc.setns, f"setns {namespace}", ctypes.c_int(descriptor), ctypes.c_int(kind))
    finally:
        if descriptor is not namespace:
            os.close(descriptor)


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2): `mount("tmpfs", "/x", "tmpfs", NO_SUID, "mode=755")`, `mount("/a", "/b", flags=BIND)`."""
    _call(_libc.mount, f"mount {source} on {target}", os.fsencode(source), os.fsencode(target),
          kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None)


def bind(source: str | Path, target: str | Path, read_only: bool = False) -> None:
    """Let a file or folder be seen at a second place; read_only holds for that place alone."""
    mount(source, target, flags=BIND)
    if read_only:
        mount("none", target, flags=BIND | REMOUNT | READ_ONLY)


def unmount(target: str | Path) -> None:
    """Take a mount out of sight at once; it ends when its last user does."""
    _call(_libc.umount2, f"umount {target}", os.fsencode(target), ctypes.c_int(DETACH))


def change_root(folder: str | Path) -> None:
    """Make a mount point the root of this mount namespace; everything mounted before is gone from it."""
    os.chdir(folder)
    _call(_libc.syscall, f"pivot_root {folder}", ctypes.c_long(PIVOT_ROOT), b".", b".")
    unmount(".")  # the old root, which came to lie on top
    os.chdir("/")


def set_hostname(name: str) -> None:
    """Name the machine, in this UTS namespace."""
    raw = name.encode()
    _call(_libc.sethostname, "sethostname", raw, ctypes.c_size_t(len(raw)))


def give_up_capability(number: int) -> None:
    """Drop a capability for ever, for this process and all it starts."""
    _call(_libc.prctl, f"drop capability {number}", ctypes.c_int(DROP_FROM_BOUNDING_SET),
          *map(ctypes.c_ulong, (number, 0, 0, 0)))
