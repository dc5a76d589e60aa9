"""`fab` on the rack: -H takes the rack's names; address, jump host, user and keys come from hosts.yaml.

    fab -H chick1 -- uptime
    fab -H chick1,chick2 node.status

A task finds the machine it was called for in `c.machine`; with `inv` a context has no such thing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fabric
from fabric.main import Fab as FabricProgram
from fabric.tasks import ConnectionCall
from invoke import Collection, UnexpectedExit

from fabfile.engine.fault import ending
from fabfile.engine.link import Link
from fabfile.engine.ways import SshWays

PROJECT = Path(__file__).resolve().parents[2]


class Executor(fabric.Executor):
    """Fabric's, with the rack's links in place of connections to whatever a name resolves to.

    fabric.yaml names it, so that any `fab` that reads the project's settings uses it.
    """

    def execute(self, *tasks: Any) -> Any:
        try:
            return super().execute(*tasks)
        except UnexpectedExit as error:
            if error.result.exited >= 0:
                raise
            raise ending(error.result.connection.lost()) from None  # the command never said how it ended
        except Exception as error:
            raise ending(error) from None
        finally:
            if hasattr(self, "_known_ways"):
                self._known_ways.close()

    def parameterize(self, call: Any, connection_init_kwargs: dict[str, Any]) -> ConnectionCall:
        name = connection_init_kwargs["host"]
        ways = self._ways()
        known = {"host": name, "ways": ways, "machine": ways.rack.machine(name)}
        return call.clone(into=LinkCall, with_={"init_kwargs": known})

    def _ways(self) -> SshWays:
        """One set of ways for all machines of this call: one connection to rooster carries them."""
        if not hasattr(self, "_known_ways"):
            from fabfile.loading import load
            self._known_ways = SshWays(load())
        return self._known_ways


class LinkCall(ConnectionCall):
    """A task's call on one machine of the rack."""

    def make_context(self, config: Any) -> Link:
        return self.init_kwargs["ways"].unopened(self.init_kwargs["machine"], config)


class Program(FabricProgram):
    """Fabric's `fab`, for the rack: every host after -H is one of its machines, also when there is only a command
    after `--`. Fabric's own would then go to whatever a name resolves to, taking any host key."""

    def load_collection(self) -> None:
        if not self._remainder_only:
            super().load_collection()
            return
        self.config.set_project_location(str(PROJECT))
        self.config.load_project()
        self.collection = Collection()


program = Program(name="Fabric", binary="fab", version=fabric.__version__, executor_class=Executor,
                  config_class=fabric.Config)
