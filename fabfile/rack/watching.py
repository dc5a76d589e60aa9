"""Who is told what goes wrong, as configs/watch.yaml says. Addresses that are secrets, and a password, are in configs/secrets.yaml:

    watch: {password: …, webhook: https://…, heartbeat: https://…}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fabfile.rack.values import HostName, Part, SafeUrl, Text, at_least_one, pattern, port, refuse
from fabfile.secret import Secret

WATCH = "watch"  # the key of secrets.yaml
MailAddress = Annotated[str, pattern(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", "a mail address", "such as ops@flock.example")]
Port = Annotated[int, port("a port")]


class Mail(Part):
    """The people who are told, and the server that takes it."""

    to: Annotated[tuple[MailAddress, ...], at_least_one("a list of mail addresses is expected", "such as [ops@flock.example]")] = Field(
        examples=["[ops@flock.example]"])
    sender: MailAddress = Field(examples=["rooster@flock.example"])
    server: HostName = Field(examples=["smtp.flock.example"])
    port: Port = 25
    user: Text | None = None  # none: the server wants no login


class Retention(Part):
    """How long Prometheus keeps what it was told: its own `storage.tsdb.retention.time` and `.size`, whichever comes first."""

    time: Annotated[str, pattern(r"[1-9][0-9]*[hdwy]", "a duration of Prometheus'", "a number with h, d, w or y, such as 30d")] = "30d"
    size: Annotated[str, pattern(r"[1-9][0-9]*[MGT]B", "a size of Prometheus'", "a number with MB, GB or TB, such as 10GB")] = "10GB"


class Metrics(Part):
    """Prometheus and Alertmanager on rooster, and an exporter on every machine."""

    retention: Retention = Field(default_factory=Retention)


def _said(value: object) -> object:
    if value is None:
        raise refuse("nothing is said here", "`metrics: {}` takes the defaults; without the key there are none")
    return value


class Watching(Part):
    """configs/watch.yaml."""

    mail: Mail | None = None
    webhook: SafeUrl | None = None
    heartbeat: SafeUrl | None = None
    harm: Literal["notice", "degraded", "down"] = "degraded"  # what is told at least
    metrics: Annotated[Metrics | None, BeforeValidator(_said)] = None


def address_of(secrets: Mapping[str, Any], watching: Watching, key: Literal["webhook", "heartbeat"]) -> str | None:
    """The address: of secrets.yaml, else of watch.yaml."""
    hidden = (secrets.get(WATCH) or {}).get(key)
    return hidden.reveal() if isinstance(hidden, Secret) else getattr(watching, key)


def password_of(secrets: Mapping[str, Any]) -> Secret | None:
    """Of the mail server's account."""
    found = (secrets.get(WATCH) or {}).get("password")
    return found if isinstance(found, Secret) else None
