"""What a task of the site's own is written with (docs/site-tasks.md):

    from fabfile.site import rack, task

`rack` is the rack that Coop's own tasks would work on, loaded when it is first used, with all that fabfile.rack.Rack
has. `rack.connection("chick1")` is an open fabric.Connection to one of its machines.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from fabric import Connection

    from fabfile.engine.ways import SshWays

__all__ = ["rack", "task"]


class SitesRack:
    """The rack, and the ways to its machines."""

    def __init__(self) -> None:
        self.settings: Mapping[str, Any] = {}  # what flags before the task say about `run`: the program sets it
        self._told: set[str] = set()

    def connection(self, name: str) -> Connection:
        """An open connection to a machine: through rooster, its host key checked, by the operator's user and key;
        `sudo` there asks for no password.

        The same one each time. Raises LinkError, which ends the task with a sentence. The end of the task closes it.
        """
        from fabfile.engine.unread import unread_entries

        machine = self._ways.rack.machine(name)
        if name not in self._told and (unread := unread_entries([name])):
            print(unread, file=sys.stderr)
        self._told.add(name)
        return self._ways.link(machine)

    @cached_property
    def _ways(self) -> SshWays:
        from fabfile.engine.ways import SshWays
        from fabfile.loading import load

        ways = SshWays(load(), self.settings)
        atexit.register(ways.close)
        return ways

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._ways.rack, name)


rack = SitesRack()
