"""What watch.yaml and secrets.yaml say of those who are told what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import SECRETS
from fabfile.rack.spelling import did_you_mean
from fabfile.rack.watching import WATCH
from fabfile.secret import Secret

KEYS = ("password", "webhook", "heartbeat")


def secrets_are_readable(draft: Draft) -> Iterator[Wrong]:
    """Values are never shown."""
    found = draft.secrets.get(WATCH)
    if found is None:
        return
    if not isinstance(found, Mapping):
        yield Wrong(SECRETS, (WATCH,), "keys and values are expected", f"some of {', '.join(KEYS)}")
        return
    for key, value in found.items():
        if key not in KEYS:
            yield Wrong(SECRETS, (WATCH, key), "unknown key", did_you_mean(str(key), KEYS))
        elif not isinstance(value, Secret) or not value.reveal().isprintable() or not value.reveal():
            yield Wrong(SECRETS, (WATCH, key), "one line of text is expected", "in quotes when it is a number")
        elif key != "password" and (urlsplit(value.reveal()).scheme != "https" or not urlsplit(value.reveal()).hostname):
            yield Wrong(SECRETS, (WATCH, key), "this is not an https address", "https://host/path")


ALL = (secrets_are_readable,)
