"""The operator's ssh-agent: which keys it holds, and their signatures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paramiko.agent import AgentKey, AgentSSH, get_agent_connection
from paramiko.pkey import PublicBlob
from paramiko.ssh_exception import SSHException

from fabfile.engine.wire import PATIENCE
from fabfile.rack.key_file import first_text

TOUCH = 100.0  # seconds for a person to touch a security key or to say yes; sshd waits for 120


class Agent(AgentSSH):
    """An agent, if one runs. Paramiko's own waits without a limit for one that hangs.

    `running` is false without an agent; `complaint` says why one that runs is of no use, `state` all of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.complaint = ""
        connection = get_agent_connection()
        self.running = connection is not None
        if connection is None:
            return
        connection.settimeout(PATIENCE)
        try:
            self._connect(connection)  # type: ignore[attr-defined]  # the stubs leave out what begins with _
        except Exception as error:  # whatever listens there may answer with anything
            self.complaint = "does not answer" if isinstance(error, TimeoutError) else f"answers no question: {error}"
            self.close()
            return
        connection.settimeout(TOUCH)

    @property
    def state(self) -> str:
        """Why the agent does not have a key, as part of a sentence."""
        if not self.running:
            return "no agent is running"
        if self.complaint:
            return f"the agent {self.complaint}"
        return "the agent does not have it" if self.get_keys() else \
            "the agent holds no key (or is locked: ssh-add -X opens it)"

    def close(self) -> None:
        with suppress(OSError):
            self._close()  # type: ignore[attr-defined]  # the same

    def keys(self, signed: Callable[[], None] = lambda: None) -> list[KeyInAgent]:
        """All keys of the agent, in its order. `signed` is called after each signature."""
        return [KeyInAgent(self, key.blob, key.comment, signed) for key in self.get_keys()]


class KeyInAgent(AgentKey):
    """A key, or a certificate, that the agent signs with.

    It is offered and asked for in the very wire form that the agent gave: Paramiko's own takes a certificate
    apart, and knows no security keys.
    """

    def __init__(self, agent: Agent, blob: bytes, comment: str, signed: Callable[[], None]):
        super().__init__(agent=agent, blob=blob, comment=comment)
        self.public_blob = PublicBlob(first_text(blob), blob)  # type: ignore[assignment]  # it is None only at first
        self._signed = signed

    def asbytes(self) -> bytes:
        return self.blob

    def sign_ssh_data(self, data: Any, algorithm: str | None = None) -> Any:
        try:
            return super().sign_ssh_data(data, algorithm)
        except (SSHException, OSError) as error:
            raise Unsigned("does not answer" if isinstance(error, TimeoutError) else "refuses to sign with it") from None
        finally:
            self._signed()


class Unsigned(SSHException):
    """The agent holds the key, and does not sign with it. The message says why."""
