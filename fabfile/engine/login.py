"""SSH login: the keys are offered one after the other, and a refusal is reported with its cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import paramiko

from fabfile.engine.agent import TOUCH, Unsigned
from fabfile.engine.errors import KeyRefused, KeyUnusable
from fabfile.engine.keys import Keys, Offer
from fabfile.engine.wire import PATIENCE
from fabfile.rack.key_file import NoKey

if TYPE_CHECKING:
    from fabfile.rack.model import Operator

_TOO_MANY = "Too many authentication failures"  # what sshd says when it ends a login at its MaxAuthTries


class Transport(paramiko.Transport):
    """Paramiko's, which keeps what the machine said when it ended the connection."""

    farewell = ""

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        m.get_int()
        self.farewell = m.get_text()


class Login:
    """What Paramiko calls an authentication strategy. Raises KeyUnusable and KeyRefused, which name `machine`.

    `waited` is called when a person may have been waited for.
    """

    def __init__(self, machine: str, operator: Operator, waited: Callable[[], None]):
        self.machine, self.operator, self._waited = machine, operator, waited

    def authenticate(self, transport: Transport) -> None:
        tried: list[str] = []
        with Keys(self.operator, self._waited) as keys:
            try:
                for offer in keys.offers():
                    tried.append(offer.name)
                    if self._lets_in(transport, offer, tried):
                        return
            except NoKey as error:
                raise KeyUnusable(self.machine, str(error)) from None
            if not tried:
                raise KeyUnusable(self.machine, keys.none())
            passed_over = keys.passed_over()
        hint = f"is that the right key, and in the authorized_keys of {self.operator.user} there?"
        raise KeyRefused(self.machine, f"login as {self.operator.user} was refused: it refused {_listed(tried)}",
                         hint=f"{passed_over}; {hint}" if passed_over else hint)

    def _lets_in(self, transport: Transport, offer: Offer, tried: list[str]) -> bool:
        user = self.operator.user
        transport.auth_timeout = TOUCH if offer.in_agent else PATIENCE
        try:
            more = transport.auth_publickey(user, offer.key())
            if "keyboard-interactive" in more:
                transport.auth_interactive_dumb(user)
            elif more:
                raise KeyRefused(self.machine, f"the key alone is not enough to log in as {user}: it also wants {' or '.join(more)}")
            return True
        except Unsigned as error:
            raise KeyUnusable(self.machine, f"{offer.name} cannot be used: the agent {error}",
                              hint="is the agent locked (ssh-add -X), or the security key not plugged in or "
                                   "not touched?") from None
        except paramiko.BadAuthenticationType as error:
            raise KeyRefused(self.machine, f"it takes no keys from {user}, only {' or '.join(error.allowed_types)}",
                             hint="its sshd_config needs PubkeyAuthentication yes") from None
        except paramiko.AuthenticationException as error:
            if _TOO_MANY in transport.farewell:
                raise KeyRefused(self.machine, f"it ended the login after {len(tried)} keys, its MaxAuthTries: "
                                               f"{_listed(tried)}",
                                 hint="name the right key as operator.identity_file in hosts.yaml (its .pub will "
                                      "do when the agent has it), or take others out: ssh-add -d KEY") from None
            if "timeout" in str(error):
                raise TimeoutError from None
            if transport.is_active():
                return False
            raise self._closed(transport) from None
        except paramiko.SSHException:
            if transport.is_active():
                raise
            raise self._closed(transport) from None

    @staticmethod
    def _closed(transport: Transport) -> ConnectionError:
        return ConnectionError(transport.farewell or "it closed the connection at the login")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
