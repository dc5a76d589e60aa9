"""Agents for tests: OpenSSH's own, and one with a security key that is only software."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "geheim"
APPLICATION, TOUCHED = b"ssh:", 1


def keygen(path: Path, *options: str, passphrase: str = "") -> Path:
    """A key, ed25519 by default."""
    kind = () if "-t" in options else ("-t", "ed25519")
    subprocess.run(["ssh-keygen", "-q", *kind, "-N", passphrase, "-C", path.name, *options, "-f", str(path)],
                   check=True)
    return path


class RealAgent:
    """A running ssh-agent."""

    def __init__(self, folder: Path):
        self.folder, self.socket = folder, folder / "agent.sock"

    def add(self, key: Path, *options: str) -> None:
        """ssh-add, which is told the passphrase."""
        asking = self.folder / "askpass"
        asking.write_text(f"#!/bin/sh\necho {PASSPHRASE}\n")
        asking.chmod(0o700)
        subprocess.run(["ssh-add", "-q", *options, str(key)], check=True, stdin=subprocess.DEVNULL, env=self.environment(asking))

    def lock(self) -> None:
        """The agent keeps its keys to itself from now on, and says that it has none."""
        asking = self.folder / "askpass"
        asking.write_text("#!/bin/sh\necho x\n")
        asking.chmod(0o700)
        subprocess.run(["ssh-add", "-q", "-x"], check=True, stdin=subprocess.DEVNULL, env=self.environment(asking))

    def environment(self, asking: Path) -> dict[str, str]:
        return {**os.environ, "SSH_AUTH_SOCK": str(self.socket), "SSH_ASKPASS": str(asking),
                "SSH_ASKPASS_REQUIRE": "force"}


@contextmanager
def real_agent(folder: Path) -> Iterator[RealAgent]:
    folder.mkdir(parents=True, exist_ok=True)
    agent = RealAgent(folder)
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent.socket)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it listens
    try:
        yield agent
    finally:
        process.kill()
        process.wait()


class SecurityKeyAgent:
    """Holds one sk-ssh-ed25519 key and signs as its token would (OpenSSH's PROTOCOL.u2f). `touched`: whether anybody
    touches it, `delay`: after how many seconds."""

    def __init__(self, path: Path, touched: bool = True):
        self.touched, self.delay, self.signatures = touched, 0.0, 0
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(forms.Encoding.Raw, forms.PublicFormat.Raw)
        self.kind = b"sk-ssh-ed25519@openssh.com"
        self.blob = string(self.kind) + string(public) + string(APPLICATION)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        stream = connection.makefile("rwb")
        while length := stream.read(4):
            request = stream.read(struct.unpack(">I", length)[0])
            stream.write(string(self._said(request)))
            stream.flush()

    def _said(self, request: bytes) -> bytes:
        if request[0] == 11:  # which identities?
            return b"\x0c" + struct.pack(">I", 1) + string(self.blob) + string(b"token")
        if request[0] == 13 and self.touched:  # sign
            time.sleep(self.delay)
            asked, rest = taken(request[1:])
            data, _ = taken(rest)
            assert asked == self.blob
            self.signatures += 1
            counted = struct.pack(">BI", TOUCHED, self.signatures)
            signed = self._key.sign(hashlib.sha256(APPLICATION).digest() + counted + hashlib.sha256(data).digest())
            return b"\x0e" + string(string(self.kind) + string(signed) + counted)
        return b"\x05"  # failure


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def taken(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + struct.unpack(">I", data[:4])[0]
    return data[4:end], data[end:]
