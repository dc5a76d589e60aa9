"""OpenSSH's view of the rack: a config with which plain `ssh chick3` works, and the pinned host keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

from fabfile.rack.machines import Machine
from fabfile.rack.model import Rack


def known_hosts(rack: Rack, without: Machine | None = None) -> str:
    """The pinned keys, by the machines' names: the config has a HostKeyAlias for each."""
    pinned = (machine for machine in rack.machines.values() if machine.host_key and machine is not without)
    return "".join(f"{machine.name} {machine.host_key}\n" for machine in pinned)


def ssh_config(rack: Rack, known_hosts_file: Path, *, inside: bool = False) -> str:
    """An ssh_config for every machine; `inside`: for use on the gateway itself, which needs no jump."""
    return "\n".join(_lines(rack, known_hosts_file, inside)) + "\n"


def fingerprint(host_key: str) -> str:
    """As ssh and ssh-keygen show it: "SHA256:…"."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _lines(rack: Rack, known_hosts_file: Path, inside: bool) -> Iterator[str]:
    yield f"# Rack {rack.name}, from {rack.folder}/hosts.yaml by inv rack.ssh-config. Edit that, not this."
    for machine in rack.machines.values():
        yield ""
        yield f"Host {_names(rack, machine)}"
        yield from (f"    {line}" for line in _way(rack, machine, inside))
    yield ""
    yield f"Host {' '.join(_names(rack, machine) for machine in rack.machines.values())}"
    yield f"    User {rack.operator.user}"
    if rack.operator.identity_file:
        yield f"    IdentityFile {_quoted(rack.operator.identity_file)}"
        yield "    IdentitiesOnly yes"
    yield "    StrictHostKeyChecking yes"
    yield f"    UserKnownHostsFile {_quoted(str(known_hosts_file))}"
    yield "    GlobalKnownHostsFile none"
    yield "    UpdateHostKeys no"
    yield "    CheckHostIP no"
    yield "    ForwardAgent no"
    yield "    ServerAliveInterval 5"
    yield "    ServerAliveCountMax 3"


def _names(rack: Rack, machine: Machine) -> str:
    return f"{machine.name} {machine.name}.{rack.network.domain}"


def _way(rack: Rack, machine: Machine, inside: bool) -> Iterator[str]:
    is_gateway = machine is rack.gateway
    yield f"HostName {machine.address('public' if is_gateway and not inside else 'node')}"
    yield f"HostKeyAlias {machine.name}"
    if machine.ssh_port != 22:
        yield f"Port {machine.ssh_port}"
    if inside:
        return
    if not is_gateway:
        yield f"ProxyJump {rack.gateway.name}"
    elif rack.operator.proxy_command:
        yield f"ProxyCommand {rack.operator.proxy_command}"


def _quoted(path: str) -> str:
    """A path in ssh_config: % is its sign for tokens."""
    return '"' + path.replace("%", "%%") + '"'
