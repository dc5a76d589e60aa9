"""How operators come in: by key alone, and a dead line does not hold a session."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.resources import File, Resource, Unit
from fabfile.roles.rendering import render

DROP_IN = "/etc/ssh/sshd_config.d/10-rack.conf"


def sshd() -> Iterator[Resource]:
    """The same on every machine."""
    yield File(DROP_IN, render("every/etc/ssh/sshd_config.d/10-rack.conf"), check="sshd -t -f {}")
    yield Unit("ssh", watches=(DROP_IN,), reload=True)
