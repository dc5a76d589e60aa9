"""Messages from this computer: by mail, to a webhook, and the heartbeat that a service outside waits for."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.request
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from fabfile.engine.errors import CoopError

if TYPE_CHECKING:
    from fabfile.rack.watching import Mail
    from fabfile.secret import Secret

LIMIT = 30.0  # seconds for each


class Untold(CoopError):
    """A message could not be sent."""


def mail(how: Mail, password: Secret | None, subject: str, text: str) -> None:
    """Encrypted wherever the server offers it; a password is sent in no other way. Raises Untold."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = how.sender, ", ".join(how.to), subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=how.sender.rpartition("@")[2])
    message.set_content(text + "\n")
    try:
        with smtplib.SMTP(how.server, how.port, timeout=LIMIT) as server:
            server.ehlo()
            encrypted = server.has_extn("starttls")
            if encrypted:
                server.starttls(context=ssl.create_default_context())
            if how.user and not encrypted:
                raise Untold(f"{how.server} offers no STARTTLS: the password of {how.user} is not sent to it")
            if how.user and not password:
                raise Untold(f"configs/secrets.yaml has no password for {how.user}: watch: {{password: …}}")
            if how.user and password:
                server.login(how.user, password.reveal())
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Untold(f"no mail was sent by {how.server}: {error}") from None


def webhook(address: str, text: str) -> None:
    """As Mattermost, Slack, Rocket.Chat and others take it: {"text": …}. Raises Untold."""
    _request("the webhook", address, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})


def heartbeat(address: str) -> None:
    """Says that a look was had. Raises Untold."""
    _request("the heartbeat", address, None, {})


def _request(what: str, address: str, data: bytes | None, headers: dict[str, str]) -> None:
    """The address may be a secret: no message has it."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=LIMIT) as answer:
            answer.read(1024)
    except OSError as error:
        raise Untold(f"{what} did not answer as it should: {error}") from None
    except http.client.HTTPException as error:  # its words may have the address
        raise Untold(f"{what} did not answer as it should: {type(error).__name__}") from None
