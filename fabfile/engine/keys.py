"""The operator's SSH keys, in the order in which ssh would offer them.

    identity_file            this key alone: from its file, or, when only the agent can use it, from the agent
    none                     the agent's copies of the usual files of ~/.ssh, all else in the agent, the other files

A certificate beside a file (KEY-cert.pub) goes ahead of its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import paramiko
from paramiko.pkey import PKey, PublicBlob

from fabfile.engine.agent import Agent, KeyInAgent
from fabfile.rack import key_file
from fabfile.rack.key_file import KeyFile, NoKey

if TYPE_CHECKING:
    from fabfile.rack.model import Operator

USUAL = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")  # in ~/.ssh, in ssh's order


@dataclass(frozen=True)
class Offer:
    """One key to be tried. `name` is for a person; `key` loads it when its turn comes, and raises NoKey."""

    name: str
    key: Callable[[], PKey]
    in_agent: bool


class Keys:
    """The keys of one operator. `signed` is called after each signature of the agent, which may have waited for a
    person. Close it: it may hold a connection to the agent."""

    def __init__(self, operator: Operator, signed: Callable[[], None] = lambda: None):
        self._named = Path(operator.identity_file) if operator.identity_file else None
        self._signed = signed
        self._agent: Agent | None = None
        self._unusable: list[KeyFile] = []  # found, and not in the agent that it needs

    def __enter__(self) -> Keys:
        return self

    def __exit__(self, *_: object) -> None:
        if self._agent is not None:
            self._agent.close()

    def offers(self) -> Iterator[Offer]:
        """Raises NoKey when `identity_file` is no key that could be used."""
        files = self._files()
        held: dict[bytes, KeyInAgent] = {}
        if self._named is None or files[0].needs_agent:
            held = {key.blob: key for key in self.agent.keys(self._signed)}
        known = [file for file in files if file.public in held]
        for file in known:
            yield from _certified(file, held[file.public])
        if self._named is None:
            blobs = {file.public for file in known}
            yield from (_alone(key) for blob, key in held.items() if blob not in blobs)
        for file in files:
            if file.needs_agent and file not in known:
                self._unusable.append(file)
            elif file not in known:
                yield from _certified(file)

    def none(self) -> str:
        """Why there is no key to offer, as one sentence."""
        if self._named is not None:
            return _not_in_agent(self._unusable[0], self.agent)
        return (f"there is no key to log in with: {self.agent.state}, and {self.passed_over() or 'no usual file is in ~/.ssh'}; "
                "ssh-add KEY, or name a key as operator.identity_file in hosts.yaml")

    def passed_over(self) -> str:
        """Which usual files could not be offered; empty when all could."""
        names = ", ".join(str(file.path) for file in self._unusable)
        return f"{names} can be used through the agent alone: ssh-add" if names else ""

    @property
    def agent(self) -> Agent:
        if self._agent is None:
            self._agent = Agent()
        return self._agent

    def _files(self) -> list[KeyFile]:
        if self._named is not None:
            return [_read(self._named)]
        found = []
        for name in USUAL:
            with suppress(NoKey):  # ssh goes on to the next, too
                found.append(_read(Path.home() / ".ssh" / name))
        return found


def problem(operator: Operator) -> str:
    """Why `identity_file` cannot be used now, as one sentence; empty if it can, or if there is none."""
    if not operator.identity_file:
        return ""
    with Keys(operator) as keys:
        try:
            first = next(keys.offers(), None)
            if first is None:
                return keys.none()
            first.key()
        except NoKey as error:
            return str(error)
    return ""


def load(file: KeyFile) -> PKey:
    """The private key of a file that is not locked. Raises NoKey."""
    return copy(_loaded(file))  # each login may put another certificate to it


@cache
def _loaded(file: KeyFile) -> PKey:
    """Once for all machines: to check an RSA key takes a quarter of a second."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        content = file.path.read_bytes()
        read = forms.load_ssh_private_key if b"BEGIN OPENSSH" in content else forms.load_pem_private_key
        key = read(content, None)
        if isinstance(key, rsa.RSAPrivateKey):
            return paramiko.RSAKey(key=key)
        # Paramiko reads no PKCS #8, which is what openssl writes: it gets the others in OpenSSH's form
        text = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption()).decode()
        kind = paramiko.ECDSAKey if isinstance(key, ec.EllipticCurvePrivateKey) else paramiko.Ed25519Key
        return kind.from_private_key(StringIO(text))
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException) as error:
        raise NoKey(f"{file.path} cannot be read as a private key: {error}") from None


def _read(path: Path) -> KeyFile:
    try:
        return key_file.read(path)
    except OSError as error:
        raise NoKey(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except NoKey as error:
        raise NoKey(f"{path}: {error}" + (f"; {error.hint}" if error.hint else "")) from None


def _certified(file: KeyFile, held: KeyInAgent | None = None) -> Iterator[Offer]:
    """The certificate beside a key's file, if one lies there; then the key alone."""
    where = " of the agent" if held else ""

    def certified() -> PKey:
        key = held or load(file)
        try:
            key.public_blob = PublicBlob.from_file(str(file.certificate))
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise NoKey(f"{file.certificate} is no certificate: {error}") from None
        return key

    def alone() -> PKey:
        key = held or load(file)
        key.public_blob = PublicBlob(file.kind, file.public) if held else None
        return key

    if file.certificate.is_file():
        yield Offer(f"{file.certificate}{where}", certified, held is not None)
    yield Offer(f"{file.path}{where}", alone, held is not None)


def _alone(key: KeyInAgent) -> Offer:
    return Offer(f"{key.comment or key.fingerprint} of the agent", lambda: key, True)


def _not_in_agent(file: KeyFile, agent: Agent) -> str:
    path = quote(str(file.path))
    add = ("" if agent.running else "eval $(ssh-agent); ") + f"ssh-add {path}"
    if file.half:
        return f"{file.path} is the public half of a key, and {agent.state}: ssh-add the private half, or name its file"
    if file.locked and not file.public:
        return (f"{file.path} is locked with a passphrase, and does not say which of the agent's keys it is: "
                f"ssh-keygen -y -f {path} >{path}.pub; {add}")
    what = "is locked with a passphrase" if file.locked else "is a security key, which only an agent can use here"
    return f"{file.path} {what}, and {agent.state}: {add}, or leave identity_file out"
