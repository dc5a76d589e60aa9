"""Fetching a machine's host key before it is trusted: the connection ends after the key exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko

from fabfile.engine.link import Link
from fabfile.engine.ways import SshWays, is_this_computer
from fabfile.engine.wire import PATIENCE

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack

BEST_FIRST = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")


def scan(rack: Rack, machine: Machine) -> str:
    """The host key that a machine shows, as in hosts.yaml: "ssh-ed25519 AAAA…". Raises LinkError.

    A chick is reached through the gateway, whose own key must be pinned.
    """
    ways = SshWays(rack)
    inside = is_this_computer(rack.gateway)
    try:
        jump = None if inside or machine is rack.gateway else ways.link(rack.gateway)
        return _shown(Link(rack, machine, jump, inside=inside))
    finally:
        ways.close()


def _shown(link: Link) -> str:
    transport = paramiko.Transport(link.wired())  # type: ignore[arg-type]  # a Wire has all that it asks of a socket
    try:
        offered = transport.get_security_options()
        offered.key_types = [kind for kind in BEST_FIRST if kind in offered.key_types]
        transport.start_client(timeout=PATIENCE)
        key = transport.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"
    except Exception as error:
        raise link.as_link_error(error) from error
    finally:
        transport.close()
