"""The connections to machines: through rooster from an operator's computer, direct from rooster itself.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from fabfile.engine.errors import NoAnswer
from fabfile.engine.shell import Transport

if TYPE_CHECKING:
    from fabric import Config

    from fabfile.engine.link import Link
    from fabfile.rack import Machine, Rack

_OWN_HOST_KEYS = Path("/etc/ssh")


class Ways(Protocol):
    """The source of root shells: connections, or functions in a simulation."""

    def shell(self, machine: Machine, *, fresh: bool = False) -> Transport:
        """A root shell there; `fresh`: over a new connection, which then takes the previous one's place."""

    def close(self) -> None:
        """Closes every connection."""


class SshWays:
    """One connection per machine. Those of chicks run inside rooster's; on rooster itself none is needed for it."""

    def __init__(self, rack: Rack, settings: Mapping[str, Any] = MappingProxyType({})):
        self.rack = rack
        self._settings = settings  # of Fabric's, for what somebody runs by a link himself
        self._links: dict[str, Link] = {}
        self._silent: dict[str, NoAnswer] = {}  # who did not answer once: not waited for a second time
        self._former: list[Link] = []  # replaced by a fresh one; others' links may still run inside
        self._opening = RLock()  # rooster's link is opened once, whoever needs it first
        self._on_gateway = is_this_computer(rack.gateway)

    def shell(self, machine: Machine, *, fresh: bool = False) -> Transport:
        """A root shell on the machine. Raises LinkError."""
        if self._on_gateway and machine is self.rack.gateway:
            from fabfile.engine.local import LocalShell
            return LocalShell(machine.name)
        return self.link(machine, fresh=fresh).root_shell()

    def link(self, machine: Machine, *, fresh: bool = False) -> Link:
        """An open link to the machine. Raises LinkError."""
        if machine is not self.rack.gateway:
            if not self._on_gateway:
                self.link(self.rack.gateway)
            return self._opened(machine, fresh)
        with self._opening:
            return self._opened(machine, fresh)

    def unopened(self, machine: Machine, config: Config | None = None) -> Link:
        """A link that opens when it is first used, with rooster's if it needs that."""
        from fabfile.engine.link import Link, plain_config
        gateway = self.rack.gateway
        config = plain_config(self._settings) if config is None else config
        if machine is gateway or self._on_gateway:
            return Link(self.rack, machine, inside=self._on_gateway, config=config)
        jump = self._links.get(gateway.name) or self._links.setdefault(gateway.name, self.unopened(gateway))
        return Link(self.rack, machine, jump, config=config)

    def close(self) -> None:
        """Closes every connection, rooster's last: the others run inside it."""
        gateway = self.rack.gateway.name
        for name in sorted(self._links, key=lambda name: name == gateway):
            self._links[name].close()
        for link in self._former:
            link.close()

    def _opened(self, machine: Machine, fresh: bool) -> Link:
        known = self._links.get(machine.name)
        if known is not None and known.is_connected and not fresh:
            return known
        if (silent := self._silent.get(machine.name)) and not fresh:
            raise NoAnswer(machine.name, silent.problem, answered=silent.answered, hint=silent.hint)
        link = self.unopened(machine)
        try:
            link.open()
        except BaseException as error:
            link.close()
            if isinstance(error, NoAnswer):
                self._silent[machine.name] = error
            raise
        self._silent.pop(machine.name, None)
        if known is not None:
            self._former.append(known)
        self._links[machine.name] = link
        return link


def is_this_computer(machine: Machine) -> bool:
    """Whether this computer is that machine of the rack.

    Its own public host key decides: a name or an address such as 10.0.0.1 may be in use elsewhere too, and
    then the rack's gateway would be written over the operator's computer.
    """
    if not machine.host_key or not _is_own_address(str(machine.address("node"))):
        return False
    own = [path.read_text().split()[:2] for path in _OWN_HOST_KEYS.glob("ssh_host_*_key.pub")]
    return machine.host_key.split()[:2] in own


def _is_own_address(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))  # only an address of one's own can be bound; nothing is sent
        except OSError:
            return False
    return True
