"""A part of a hub's configuration: users whose home is nearly full read it on the hub's pages, as JupyterHub's own `announcement`.

This file runs in the hub's pod; upstream/home_use.py has what comes behind it. The file server tells, to whoever connects, when it
looked and which homes are nearly full. A hub that cannot ask it shows nothing; no page ever waits for it.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

EVERY, OLD, LIMIT = 60, 600, 5  # seconds: between two questions, after which an answer counts no more, for one answer
TEXT = (
    "Your home is {percent} % full: at 100 % nothing can be saved in it. To see what is large, open a terminal: "
    "<code>du -axh ~ | sort -h | tail -n 20</code>. What you delete counts for some seconds more."
)


def parse(answer: str, namespace: str, now: float) -> dict[str, int]:
    """Home → percent, of one hub; {} where the answer is too old. Raises ValueError for what is no answer."""
    head, *lines = answer.splitlines() or [""]
    at, _, seconds = head.partition(" ")
    if at != "at" or now - int(seconds) > OLD:
        return {}
    found: dict[str, int] = {}
    for line in lines:
        percent, _, home = line.partition(" ")
        place, _, name = home.partition("/")
        if place == namespace:
            found[name] = int(percent)
    return found


def ask(server: str, port: int) -> str:
    """What the file server tells. Raises OSError."""
    with socket.create_connection((server, port), LIMIT) as link:
        link.settimeout(LIMIT)
        told = b""
        while piece := link.recv(65536):
            told += piece
    return told.decode(errors="replace")


def folder(user: Any) -> str:
    """The name of a user's folder, as the spawner makes it for the volume of homes; "" where it cannot be told."""
    mounts = user.spawner.volume_mounts
    for mount in mounts.values() if isinstance(mounts, dict) else mounts:
        if mount.get("name") == "home" and mount.get("subPath"):
            return str(user.spawner._expand_user_properties(mount["subPath"]))
    return ""


def announcement(full: Mapping[str, int], said: Any) -> Callable[[Any], str]:
    """The text that a user reads: what is said to everybody, and what only this one should know."""

    def text(user: Any) -> str:
        everybody = said(user) if callable(said) else said
        percent = None
        if user is not None and full:
            try:
                percent = full.get(folder(user))
            except Exception:  # a page is shown whatever the spawner is
                percent = None
        own = TEXT.format(percent=percent) if percent is not None else ""
        return "<br>".join(filter(None, (everybody, own)))

    return text


class Asking(threading.Thread):
    """Keeps `full` as the file server told it last."""

    def __init__(self, server: str, port: int, namespace: str, full: dict[str, int]) -> None:
        super().__init__(daemon=True, name="full homes")
        self.server, self.port, self.namespace, self.full = server, port, namespace, full

    def look(self) -> None:
        """One question; what was known before is forgotten."""
        try:
            found = parse(ask(self.server, self.port), self.namespace, time.time())
        except (OSError, ValueError):
            found = {}
        for gone in self.full.keys() - found.keys():
            del self.full[gone]
        self.full.update(found)

    def run(self) -> None:
        while True:
            self.look()
            time.sleep(EVERY)
