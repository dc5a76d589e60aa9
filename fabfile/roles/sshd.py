"""sshd: login by key only, and dead connections are closed."""

from __future__ import annotations

from fabfile.resources import Resource
from fabfile.resources.ssh_settings import SshSettings
from fabfile.roles.rendering import render


def sshd() -> Resource:
    """The same on every machine."""
    return SshSettings(render("every/etc/ssh/sshd_config.d/10-rack.conf"))
