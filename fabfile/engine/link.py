"""The connection to a machine: Fabric's, with all settings and the host key from the rack."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from shlex import quote
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import fabric
import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.pkey import PKey

from fabfile.engine import wire
from fabfile.engine.errors import HostKeyChanged, HostKeyUnknown, KeyRefused, LinkError, LinkLost, NoAnswer, NoShell, RootRefused
from fabfile.engine.login import Login, Transport
from fabfile.programs import shell

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack

_ENOUGH = 1 << 11  # bytes of what a shell said first
SSH_PORT = 22  # the standard one
_PROHIBITED = 1  # RFC 4254: administratively prohibited
_NO_SUCH_PROGRAM = 127  # a shell's exit code
_ANOTHER_PORT = "where its sshd listens at another port, hosts.yaml says so: ssh_port"

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it has to say is said by LinkError


class Link(fabric.Connection):  # type: ignore[misc]  # Fabric has no types
    """A Fabric connection to one machine: address, user, key, jump host and host key are the rack's.

    `jump` is an open or unopened link to the gateway; without one the machine's address is gone to directly,
    or by the operator's proxy command. `open` raises LinkError and nothing else.
    """

    def __init__(self, rack: Rack, machine: Machine, jump: Link | None = None, *, inside: bool = False,
                 config: fabric.Config | None = None):
        network = "public" if machine is rack.gateway and not inside else "node"
        super().__init__(str(machine.address(network)), user=rack.operator.user, port=machine.ssh_port, gateway=False,
                         forward_agent=False, connect_timeout=int(wire.PATIENCE),
                         config=config or plain_config())
        # The operator's ~/.ssh/config, which `fab` reads, may not change where the rack's names lead.
        self._set(rack=rack, machine=machine, jump=jump, wire=None, host=str(machine.address(network)))
        self._set(proxy="" if jump or inside else rack.operator.proxy_command or "")
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        if machine.host_key:
            kind, blob = machine.host_key.split()[:2]
            known = self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"  # as in a known_hosts file
            self.client.get_host_keys().add(known, kind, PKey.from_type_string(kind, _bytes(blob)))

    def open(self) -> None:
        """Connects, checks the host key, logs in. Does nothing when it is open already."""
        if self.is_connected:
            return
        machine = self.machine
        if not machine.host_key:
            raise HostKeyUnknown(machine.name, "hosts.yaml names no host_key for it", hint=_how_to_get_a_key(self.rack, machine))
        way = self.wired()
        self._set(connect_kwargs={
            "sock": way, "transport_factory": _transport, "banner_timeout": wire.PATIENCE, "compress": False,
            "channel_timeout": wire.PATIENCE,
            "auth_strategy": Login(machine.name, self.rack.operator, waited=way.excuse),
        })
        try:
            super().open()
        except Exception as error:
            raise self.as_link_error(error) from error
        self.transport.packetizer.set_keepalive(wire.PULSE, self._ask_for_a_sign)

    def sudo(self, command: str, **options: Any) -> Any:
        """As Fabric's; an operator who is root runs the command as it is, whether there is a sudo or not."""
        if self.user == "root" and not options.get("user"):
            options.pop("password", None)
            return self.run(command, **options)
        return super().sudo(command, **options)

    def root_shell(self) -> RootChannel:
        """An exec channel with a root shell behind it. Raises LinkError."""
        self.open()
        # The shell's first argument says where the operator comes from: sudo keeps no variable that would.
        command = "sh" if self.user == "root" else "sudo -n sh"
        try:
            channel = self.transport.open_session(timeout=wire.PATIENCE)
            channel.set_combine_stderr(True)
            channel.exec_command(f'exec {command} -s "$SSH_CONNECTION"')
        except paramiko.ChannelException as error:
            raise NoShell(self.machine.name, f"its sshd opens no session for {self.user}: {error.text}",
                          hint="MaxSessions in its sshd_config, or a key that is for tunnels alone?") from error
        except Exception as error:
            raise self.as_link_error(error) from error
        return RootChannel(self, channel)

    def close(self) -> None:
        super().close()
        if self.wire is not None:
            self.wire.close()  # also when logging in has failed half way

    def wired(self) -> wire.Wire:
        """What lies below SSH: direct, inside the gateway's link, or by the proxy command."""
        try:
            if self.jump is not None:
                self.jump.open()
                way = wire.Wire(self.jump.transport.open_channel(
                    "direct-tcpip", (self.host, self.port), ("", 0), timeout=wire.NEARBY))
            elif self.proxy:
                way = wire.through_command(self.proxy, self.host, self.port)
            else:
                way = wire.direct(self.host, self.port)
        except LinkError:
            raise
        except Exception as error:
            raise self.as_link_error(error) from error
        self._set(wire=way)
        return way

    def _ask_for_a_sign(self) -> None:
        # A request that no server knows must be answered all the same. Paramiko's own keepalive asks for no
        # answer, and its public way of asking blocks until one comes.
        request = paramiko.Message()
        request.add_byte(cMSG_GLOBAL_REQUEST)
        request.add_string("keepalive@openssh.com")
        request.add_boolean(True)
        self.transport._send_user_message(request)

    def lost(self, otherwise: str = "") -> LinkLost:
        """The error of a lost connection, with the reason of its socket or of the outer connection, or `otherwise`."""
        link: Link | None = self
        why = ""
        while link is not None and not why:  # a chick falls silent when rooster does
            why, link = link.wire.verdict, link.jump
        why = why or otherwise or "the connection was closed"
        return LinkLost(self.machine.name, f"the connection was lost: {why}",
                        hint="what was started there may still finish; the next run finds it")

    def as_link_error(self, error: Exception) -> LinkError:
        """An error of Paramiko or the system as a LinkError."""
        name, there = self.machine.name, f"{self.host} port {self.port}"
        if isinstance(error, LinkError):
            return error
        if isinstance(error, paramiko.BadHostKeyException):
            shown, pinned = _fingerprint(error.key), _fingerprint(error.expected_key)
            return HostKeyChanged(name, f"its host key is {shown}, and hosts.yaml says {pinned}",
                                  hint="if it was installed again, put its new key into hosts.yaml; "
                                       "if not, somebody may intercept the connection")
        if isinstance(error, paramiko.AuthenticationException):
            return KeyRefused(name, f"login as {self.user} was refused: {error}")
        if isinstance(error, paramiko.ChannelException):
            return self._not_forwarded(error, there)
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            return NoAnswer(name, f"its sshd and Coop have no method in common: {error}", answered=True,
                            hint="Ciphers, MACs, KexAlgorithms or HostKeyAlgorithms of its sshd_config leave too little")
        if "not found in known_hosts" in str(error):
            return HostKeyChanged(name, "it has no host key of the kind that hosts.yaml names",
                                  hint="if it was installed again, put its new key into hosts.yaml")
        taken = self.wire is not None and not self.proxy  # a proxy command is there before the machine is
        why = (self.wire and (self.wire.verdict or self.wire.complaint())) or _reason(error)
        if "SSH protocol banner" in why:
            return NoAnswer(name, f"{there} takes the connection and ends it before it says anything", answered=taken,
                            hint="is that a port of sshd? Else it takes no more for now: MaxStartups, PerSourcePenalties, fail2ban")
        refused = "refused" in why.lower()
        return NoAnswer(name, f"no answer from {there}: {why}", answered=refused or taken,
                        hint=_ANOTHER_PORT if refused else "is the machine powered on, and the network to it up?")

    def _not_forwarded(self, error: paramiko.ChannelException, there: str) -> LinkError:
        """The gateway opened no connection to this machine: it may not, or nobody answered."""
        jump = self.jump.machine.name
        if error.code == _PROHIBITED:
            return NoAnswer(self.machine.name, f"{jump}'s sshd forbids to go on to {there}: {self.jump.forbids() or 'AllowTcpForwarding'}",
                            hint=f"Coop reaches machines through {jump}: allow TCP forwarding there, at least for {self.user}; "
                                 "a key in authorized_keys may forbid it, too (no-port-forwarding, permitopen)")
        return NoAnswer(self.machine.name, f"{jump} cannot reach {there}: {error.text}",
                        hint=f"is the machine powered on? {_ANOTHER_PORT}")

    def forbids(self) -> str:
        """What this machine's sshd says against forwarding, by file and line; empty where it cannot be asked."""
        try:
            channel = self.transport.open_session(timeout=wire.PATIENCE)
            channel.settimeout(wire.PATIENCE)
            channel.exec_command(("" if self.user == "root" else "sudo -n ") + f"sh -c {quote(shell('forbids'))}")
            said = b"".join(iter(lambda: channel.recv(_ENOUGH), b""))
        except Exception:  # it only adds to what is told
            return ""
        return "; ".join(dict.fromkeys(said.decode(errors="replace").split("\n")[:3])).strip("; ")


class RootChannel:
    """The transport of a root shell behind an SSH channel."""

    def __init__(self, link: Link, channel: paramiko.Channel):
        self._link, self._channel, self._answered = link, channel, False
        self._said = b""  # what came first, for what sudo or a login shell may have to say

    def write(self, data: bytes) -> None:
        self._channel.settimeout(None)  # writing waits; whether anybody is there, the wire knows
        try:
            self._channel.sendall(data)
        except (OSError, EOFError):  # the latter when what it runs inside of has gone
            raise self._lost() from None

    def read(self, timeout: float) -> bytes:
        self._channel.settimeout(timeout)
        data = self._channel.recv(1 << 16)  # raises TimeoutError
        if not data:
            raise self._lost()
        if len(self._said) < _ENOUGH:
            self._said += data
        self._answered = self._answered or b"\ncoop-" in self._said + data  # the first mark: a shell reads what it is sent
        return data

    def alive(self) -> bool:
        link: Link | None = self._link
        while link is not None and link.is_connected:
            link = link.jump
        return link is None and not self._channel.closed

    def close(self) -> None:
        with suppress(OSError, EOFError):  # it says goodbye, also to a line that is gone
            self._channel.close()

    def _lost(self) -> LinkError:
        if self._channel.recv_ready():
            self._said += self._channel.recv(_ENOUGH)  # it said why before it could be told anything
        name, user = self._link.machine.name, self._link.user
        ended = self._channel.status_event.wait(1.0)
        code = self._channel.recv_exit_status() if ended else -1
        said = [line.strip() for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        # Sudo may only have warned (of a host name, say): refused is who has ended, too. A banner may come before it.
        if ended and user != "root" and not self._answered:
            if code == _NO_SUCH_PROGRAM or any("sudo" in line and "not found" in line for line in said):
                return RootRefused(name, f"there is no sudo on {name}",
                                   hint="apt-get install sudo there as root, or `operator: {user: root}` in hosts.yaml")
            if any("sudo" in line or "not allowed" in line for line in said):
                return RootRefused(name, said[-1], hint=f"{user} needs sudo without a password there")
        why = ""
        if ended:
            why = f"its shell exited with code {code}" if code >= 0 else "its shell was ended"
            if said and not self._answered:
                why += f", and said: {said[-1]}"
        return self._link.lost(why)


def plain_config(settings: Mapping[str, Any] = MappingProxyType({})) -> fabric.Config:
    """Fabric's settings without reading ~/.ssh/config or any file: the rack says everything but these settings."""
    return fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig(), overrides={**settings, "load_ssh_configs": False})


def _transport(sock: Any, **options: Any) -> Transport:
    """A transport that offers first what costs least to agree upon; everything else stays possible."""
    transport = Transport(sock, **options)
    offered = transport.get_security_options()
    cheap = [name for name in offered.kex if name.startswith("curve25519")]
    offered.kex = cheap + [name for name in offered.kex if name not in cheap]
    return transport


def _how_to_get_a_key(rack: Rack, machine: Machine) -> str:
    """What to type for a machine without a pinned host key; what rooster can install may have no system yet."""
    shows = f"inv rack.trust {machine.name} shows it, to be compared by hand"
    if rack.install is None or machine not in rack.chicks:
        return shows
    return f"inv node.install {machine.name} installs it, if it has no system yet; else {shows}"


def _bytes(blob: str) -> bytes:
    import binascii
    return binascii.a2b_base64(blob)


def _fingerprint(key: PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _reason(error: Exception) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return f"it did not answer within {wire.PATIENCE:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
