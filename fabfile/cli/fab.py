"""`fab` for a rack: -H takes the rack's names; address, jump host, user, keys and host keys come from hosts.yaml.

    fab -H chick1 -- uptime
    fab -H chick1,chick2 cluster.bootstrap      one run, limited to both
    fab -H chick1,chick2 node.status            once for each

A task of the site's own is called once for each machine with a connection to it, as Fabric does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fabric
from fabric.main import Fab as FabricProgram
from fabric.tasks import ConnectionCall
from invoke import Call, Collection, Exit

from fabfile.cli.program import InSentences, Loader, RackProgram, is_coops
from fabfile.cli.words import arguments
from fabfile.engine.link import Link
from fabfile.engine.unread import unread_entries
from fabfile.engine.ways import SshWays
from fabfile.folder import find_rack_folder


class Executor(InSentences, fabric.Executor):  # type: ignore[misc]  # Fabric has no types
    """Fabric's, with the rack's links in place of connections to whatever a name resolves to.

    fabric.yaml names it, so that a `fab` of another Python goes by hosts.yaml in a clone, too.
    """

    core: Any  # what was typed, parsed

    def execute(self, *tasks: Any) -> Any:
        try:
            return super().execute(*tasks)
        finally:
            if hasattr(self, "_known_ways"):
                self._known_ways.close()

    def expand_calls(self, calls: list[Call], apply_hosts: bool = True) -> list[Call]:
        hosts = self._hosts() if apply_hosts else []
        if self.core.remainder or not hosts:
            return list(fabric.Executor.expand_calls(self, calls, apply_hosts))
        return [each for call in calls for each in self._on(hosts, call)]

    def parameterize(self, call: Call, connection_init_kwargs: dict[str, Any]) -> ConnectionCall:
        name = connection_init_kwargs["host"]
        ways = self._ways()
        known = {"host": name, "ways": ways, "machine": ways.rack.machine(name)}
        return call.clone(into=LinkCall, with_={"init_kwargs": known})

    def _on(self, hosts: Sequence[str], call: Call) -> list[Call]:
        """What a task does with the machines of -H."""
        if not is_coops(call.task):
            return list(fabric.Executor.expand_calls(self, [call]))
        flags = {argument.name for argument in arguments(call.task)}
        if "limit" in flags:
            if call.kwargs.get("limit"):
                raise Exit("-H and --limit both say which machines: leave one of them out", code=2)
            return [_with(call, limit=",".join(hosts))]
        if getattr(call.task, "may", "") == "machine":
            if call.kwargs.get("machine"):
                raise Exit(f"-H and {call.called_as} {call.kwargs['machine']} both name a machine: leave one of them out", code=2)
            return [_with(call, machine=host) for host in hosts]
        raise Exit(f"{call.called_as} takes no -H: it is about the whole rack, or about what is named behind it", code=2)

    def _hosts(self) -> list[str]:
        """The machines of -H, each known to the rack."""
        typed = self.core[0].args.hosts.value or ""
        names = list(dict.fromkeys(name for name in map(str.strip, typed.split(",")) if name))
        for name in names:
            self._ways().rack.machine(name)
        if unread := unread_entries(names):
            print(unread, file=sys.stderr)
        return names

    def _ways(self) -> SshWays:
        """One set of ways for all machines of this call: one connection to rooster carries them."""
        if not hasattr(self, "_known_ways"):
            from fabfile.loading import load
            self._known_ways = SshWays(load())
        return self._known_ways


class LinkCall(ConnectionCall):  # type: ignore[misc]  # the same
    """A task's call on one machine of the rack."""

    def make_context(self, config: Any) -> Link:
        ways: SshWays = self.init_kwargs["ways"]
        return ways.unopened(self.init_kwargs["machine"], config)


class Config(fabric.Config):  # type: ignore[misc]  # the same
    """Fabric's settings; hosts.yaml says what an ssh_config would."""

    def load_ssh_config(self) -> None:
        pass


class Program(RackProgram, FabricProgram):  # type: ignore[misc]  # the same
    """Fabric's `fab`, for the rack: every host after -H is one of its machines, also when there is only a command
    after `--`. Fabric's own would then go to whatever a name resolves to, taking any host key."""

    command = "fab"

    def load_collection(self) -> None:
        if not self._remainder_only:
            super().load_collection()
            return
        if folder := find_rack_folder():
            self.config.set_project_location(str(folder))
            self.config.load_project()
        self.collection = Collection()

    def update_config(self, merge: bool = True) -> None:
        keys = self.args.identity.value
        if len(keys) > 1:
            self._refuse("-i names one key; without it, every key of the agent is offered")
        if keys:
            self._refuse(_use_key(Path(keys[0])))
        super().update_config()

    def execute(self) -> None:
        if self.core.remainder and not self.args.hosts.value:
            self._refuse("on which machines? fab -H chick1,chick2 -- COMMAND")
        super().execute()


def _use_key(file: Path) -> str:
    """Takes -i KEY in place of operator.identity_file; says why it cannot."""
    from fabfile.loading import files
    from fabfile.rack import key_file

    try:
        key_file.read(file.expanduser())
    except OSError as error:
        return f"-i {file} cannot be read: {(error.strerror or str(error)).lower()}"
    except key_file.NoKey as error:
        return f"-i {file}: {error}" + (f" ({error.hint})" if error.hint else "")
    files.identity_file.set(str(file.expanduser().absolute()))
    return ""


def _with(call: Call, **words: str) -> Call:
    return call.clone(with_={"kwargs": {**call.kwargs, **words}})


program = Program(name="Fabric", binary="fab", version=fabric.__version__, loader_class=Loader, executor_class=Executor,
                  config_class=Config)
