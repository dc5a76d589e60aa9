"""What can be read from a private key file without its passphrase: its type, its public key, whether it is encrypted.

OpenSSH's own format carries the public half in clear beside the locked private one (its PROTOCOL.key); for
the older formats it is in the file with `.pub` beside.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"openssh-key-v1\0"
_ARMOUR = re.compile(rb"-----BEGIN (?P<kind>[A-Z ]*)PRIVATE KEY-----\s*(?P<body>.*?)-----END (?P=kind)PRIVATE KEY-----",
                     re.DOTALL)
_PUBLIC = re.compile(rb"\s*(?P<kind>(?:ssh|ecdsa|sk)-[a-z0-9@.-]+)[ \t]+(?P<blob>[A-Za-z0-9+/=]+)")


class NoKey(ValueError):
    """The file cannot log anybody in. The message says why; `hint` says what to do."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class KeyFile:
    """A file that `operator.identity_file` may name. `public` is the key's wire form, empty when nobody says it.

    `half` is true for a public key alone: its private half is in the agent, or nowhere.
    """

    path: Path
    public: bytes
    locked: bool = False
    half: bool = False

    @property
    def kind(self) -> str:
        """The key's type as OpenSSH names it; empty when it is not known."""
        return first_text(self.public)

    @property
    def needs_agent(self) -> bool:
        """Whether only an agent can sign with it: it is locked, a public key alone, or a security key."""
        return self.locked or self.half or self.kind.startswith("sk-")

    @property
    def certificate(self) -> Path:
        """Where a certificate for it lies, if there is one: KEY-cert.pub, as for ssh."""
        return self.path.with_name(f"{self.path.name.removesuffix('.pub') if self.half else self.path.name}-cert.pub")


def read(path: Path) -> KeyFile:
    """The key file of this path. Raises OSError, and NoKey when it holds no key that ssh could use."""
    content = path.read_bytes()
    if content.startswith(b"PuTTY-User-Key-File"):
        raise NoKey("it is a key of PuTTY's own format", "puttygen KEY -O private-openssh-new -o NEW makes one for ssh")
    if found := _ARMOUR.search(content):
        kind, body = found["kind"].strip().decode(), found["body"]
        if kind == "OPENSSH":
            return _openssh(path, body)
        if kind == "DSA":
            raise NoKey("it is a DSA key, which OpenSSH no longer accepts", "ssh-keygen -t ed25519 makes a new one")
        return KeyFile(path, _beside(path), locked=kind == "ENCRYPTED" or b"ENCRYPTED" in body)
    if found := _PUBLIC.match(content):
        return KeyFile(path, _decoded(found["blob"]), half=True)
    raise NoKey("it holds no private key that ssh can read")


def first_text(wire: bytes) -> str:
    """The first string of a key's wire form: its type."""
    if len(wire) < 4:
        return ""
    return wire[4:4 + struct.unpack(">I", wire[:4])[0]].decode("ascii", "replace")


def _openssh(path: Path, body: bytes) -> KeyFile:
    wire = _decoded(body)
    if not wire.startswith(_MAGIC):
        raise NoKey("it is a damaged private key", "restore a copy of it")
    fields, place = [], len(_MAGIC)
    for field in ("cipher", "kdf", "kdf options", "number of keys", "public key"):
        if len(wire) < place + 4:
            raise NoKey("it is a damaged private key: it is cut off", "restore a copy of it")
        length = 0 if field == "number of keys" else struct.unpack(">I", wire[place:place + 4])[0]
        fields.append(wire[place + 4:place + 4 + length])
        place += 4 + length
    return KeyFile(path, fields[-1], locked=fields[0] != b"none")


def _beside(path: Path) -> bytes:
    """The public half from KEY.pub; empty when there is none."""
    try:
        found = _PUBLIC.match(path.with_name(f"{path.name}.pub").read_bytes())
        return _decoded(found["blob"]) if found else b""
    except (OSError, NoKey):
        return b""


def _decoded(armoured: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(armoured.split()), validate=True)
    except binascii.Error:
        raise NoKey("it is a damaged key", "restore a copy of it") from None
