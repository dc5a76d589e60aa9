"""What the Debian installer leaves on a machine's disk: its name, address, keys, and the operator's account.

Every machine of a lab has a common layer (account, trusted authority) under its own files.
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from pathlib import Path

from .machine import Machine, Port
from .places import Places

OPERATOR, NUMBER = "spicy", 1000
ENABLED = {  # unit → the wants it hangs in, as `systemctl enable systemd-networkd` makes them
    "systemd-networkd.service": "multi-user.target.wants",
    "systemd-networkd.socket": "sockets.target.wants",
}
FSTAB = """\
# /etc/fstab: static file system information.
# <file system> <mount point> <type> <options> <dump> <pass>
# swap was on /dev/nvme0n1p3 during installation
UUID={swap} none swap sw 0 0
"""
JOURNAL = "[Journal]\nReadKMsg=no\n"  # what the computer's kernel says is not the machine's


def install_common(root: Path, layer: Path, operator_key: str, authority: Path) -> None:
    """Write the layer between a Debian `root` and each machine: the account, and trust in the authority."""
    etc = layer / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    for file, line, mode in (
        ("passwd", f"{OPERATOR}:x:{NUMBER}:{NUMBER}:{OPERATOR},,,:/home/{OPERATOR}:/bin/bash", 0o644),
        ("group", f"{OPERATOR}:x:{NUMBER}:", 0o644),
        ("shadow", f"{OPERATOR}:!:20000:0:99999:7:::", 0o640),
        ("gshadow", f"{OPERATOR}:!::", 0o640),
    ):
        write(etc / file, (root / "etc" / file).read_text() + line + "\n", mode)
        os.chown(etc / file, 0, (root / "etc" / file).stat().st_gid)
    write(etc / "sudoers.d" / OPERATOR, f"{OPERATOR} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    home = layer / "home" / OPERATOR
    write(home / ".ssh/authorized_keys", operator_key, 0o600)
    for skeleton in (root / "etc/skel").iterdir():
        write(home / skeleton.name, skeleton.read_text(), 0o644)
    for path in (home, *home.rglob("*")):
        os.chown(path, NUMBER, NUMBER)
    for folder in (home, home / ".ssh"):
        folder.chmod(0o700)
    trust(root, layer, authority)
    write(etc / "systemd/journald.conf.d/lab.conf", JOURNAL)
    for unit, wants in ENABLED.items():
        link = etc / "systemd/system" / wants / unit
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/usr/lib/systemd/system/{unit}")
    (etc / "systemd/system/dbus-org.freedesktop.network1.service").symlink_to(
        "/usr/lib/systemd/system/systemd-networkd.service")
    for updated in ("etc/.updated", "var/.updated"):  # /usr is not newer: no caches need to be made at boot
        write(layer / updated, "")


def trust(root: Path, layer: Path, authority: Path) -> None:
    """Add an authority to those that a root trusts: what update-ca-certificates would do, in a moment."""
    certificate = authority.read_text()
    name = subprocess.run(["openssl", "x509", "-noout", "-subject_hash", "-in", authority],
                          check=True, capture_output=True, text=True).stdout.strip()
    write(layer / "usr/local/share/ca-certificates/lab.crt", certificate)
    bundle = "etc/ssl/certs/ca-certificates.crt"
    write(layer / bundle, (root / bundle).read_text() + certificate)
    (layer / "etc/ssl/certs/lab.pem").symlink_to("/usr/local/share/ca-certificates/lab.crt")
    (layer / f"etc/ssl/certs/{name}.0").symlink_to("lab.pem")


def install(places: Places, machine: Machine, layer: Path) -> None:
    """Write a machine's own files into the layer that will be its disk."""
    etc = layer / "etc"
    write(etc / "hostname", f"{machine.name}\n")
    write(etc / "hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{machine.name}\n")
    write(etc / "machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    write(etc / "resolv.conf", f"nameserver {machine.resolver}\n")
    write(etc / "fstab", FSTAB.format(swap=uuid.uuid4()))
    for port in machine.ports:
        write(etc / f"systemd/network/10-{port.name}.network", network_file(machine, port))
    key = host_key(places, machine.name)
    write(etc / "ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    write(etc / "ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text())


def network_file(machine: Machine, port: Port) -> str:
    """The port's address; and the default route, on the port whose network the machine's gateway lies in."""
    from ipaddress import ip_address, ip_interface
    lines = ["[Match]", f"Name={port.name}", "", "[Network]", f"Address={port.address}"]
    network = ip_interface(port.address)
    if ip_address(machine.default_route) in network.network and machine.default_route != str(network.ip):
        lines.append(f"Gateway={machine.default_route}")
    return "\n".join(lines) + "\n"


def make_key(path: Path, comment: str) -> Path:
    """An ed25519 key pair at `path` and `path`.pub, if there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True)
    return path


def host_key(places: Places, machine: str) -> Path:
    """A machine's private host key. It stays the same over resets, as hosts.yaml pins it."""
    return make_key(places.folder / "host-keys" / machine, f"root@{machine}")


def public_key(path: Path) -> str:
    """The public half, as hosts.yaml and known_hosts name it: "ssh-ed25519 AAAA…"."""
    return re.match(r"\S+ \S+", path.with_suffix(".pub").read_text())[0]


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
