"""What hosts.yaml and secrets.yaml say of BMCs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.bmc import BMC
from fabfile.rack.files import HOSTS, SECRETS
from fabfile.rack.reading import Path
from fabfile.rack.spelling import did_you_mean
from fabfile.secret import Secret

KEYS = ("password", "machines")


def accounts_are_whole(draft: Draft) -> Iterator[Wrong]:
    """With a protocol an account is named; without one, nothing says that the BMC may be talked to."""
    for machine in draft.machines.values():
        bmc = machine.bmc
        if bmc is None:
            continue
        at: Path = ("machines", machine.name, "bmc")
        if bmc.protocol and not bmc.user:
            yield Wrong(HOSTS, (*at, "user"), "is missing", "the account of the BMC, such as ADMIN; its password: configs/secrets.yaml")
        for key, protocols in {"user": ("redfish", "ipmi"), "public_key": ("redfish",), "cipher_suite": ("ipmi",)}.items():
            if getattr(bmc, key) and not bmc.protocol:
                yield Wrong(HOSTS, (*at, key), "no `protocol` is named, so nothing would use it", f"protocol: {protocols[0]}")
            elif getattr(bmc, key) and bmc.protocol not in protocols:
                yield Wrong(HOSTS, (*at, key), f"{bmc.protocol} has none", f"it is of protocol: {protocols[0]}")


def passwords_are_readable(draft: Draft) -> Iterator[Wrong]:
    """Values are never shown: they may be passwords in the wrong place."""
    found = draft.secrets.get(BMC)
    if found is None:
        return
    if not isinstance(found, Mapping):
        yield Wrong(SECRETS, (BMC,), "keys and values are expected", "password: …, and machines: {NAME: …} for others")
        return
    for key in found:
        if key not in KEYS:
            yield Wrong(SECRETS, (BMC, key), "unknown key", did_you_mean(str(key), KEYS))
    of_one = found.get("machines")
    if of_one is not None and not isinstance(of_one, Mapping):
        yield Wrong(SECRETS, (BMC, "machines"), "keys and values are expected", "a machine's name, and its BMC's password")
        of_one = None
    for name, value in (of_one or {}).items():
        if name not in draft.machines and draft.whole:
            yield Wrong(SECRETS, (BMC, "machines", name), "hosts.yaml has no such machine", did_you_mean(str(name), draft.machines))
        yield from _unreadable((BMC, "machines", name), value)
    if "password" in found:
        yield from _unreadable((BMC, "password"), found["password"])


def _unreadable(path: Path, value: object) -> Iterator[Wrong]:
    if not isinstance(value, Secret):
        yield Wrong(SECRETS, path, "a password is expected", "one line of text; in quotes when it is a number")
    elif not value.reveal().isprintable() or not value.reveal():
        yield Wrong(SECRETS, path, "a password is one line of printable characters")


ALL = (accounts_are_whole, passwords_are_readable)
