"""The rack's operators, as configs/operators.yaml says; and what one of them says of themselves on their own computer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.install import SomeKeys
from fabfile.rack.values import Fixed, Part, ShellText, Sorted, Text, UserName, pattern, refuse

Program = Annotated[str, pattern(r"/[A-Za-z0-9/._+-]+", "a program", "by its path, such as /bin/zsh")]


def _uid(value: object) -> object:
    if type(value) is not int or not 1000 <= value < 60000:
        raise refuse(f"{value!r} is not the uid of a person", "a number from 1000 to 59999")
    return value


class Account(Part):
    """One operator's account, the same on every machine."""

    authorized_keys: SomeKeys = Field(examples=["[ssh-ed25519 AAAA…]"])
    shell: Program | None = None  # none: bash for a new account, and as it is for another
    uid: Annotated[int, BeforeValidator(_uid)] | None = None  # none: the next one that is free


class Operators(Part):
    """configs/operators.yaml. Without it accounts are made by hand."""

    operators: Annotated[Mapping[UserName, Account], Sorted, Fixed] = Field(examples=["{spicy: {authorized_keys: [ssh-ed25519 AAAA…]}}"])


class OwnSettings(Part):
    """A person's own file, outside of the rack's folder: what stands here goes above `operator` in hosts.yaml."""

    user: UserName | None = None
    identity_file: Text | None = None
    proxy_command: ShellText | None = None
