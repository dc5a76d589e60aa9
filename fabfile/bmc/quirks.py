"""What differs by manufacturer, from quirks.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from fabfile.bmc.board import Board


@dataclass(frozen=True)
class Quirks:
    mode: str = "first"
    unlicensed: str = ""
    ignores: str = ""
    defaults: tuple[str, ...] = ()


@cache
def table() -> dict[str, Quirks]:
    """By manufacturer."""
    data = yaml.safe_load(files("fabfile.bmc").joinpath("quirks.yaml").read_text())
    return {vendor: Quirks(**{**about, "defaults": tuple(about.get("defaults", ()))}) for vendor, about in data.items()}


def of(vendor: str) -> Quirks:
    """Those of a manufacturer, however it writes its capitals and what follows its name."""
    name = vendor.lower()
    return next((found for one, found in table().items() if name.startswith(one.lower().split()[0])), Quirks())


def has_default_account(board: Board) -> bool:
    """Whether anybody who has read a manual may log in."""
    account = f"{board.user}:{board.password.reveal()}"
    return any(account in found.defaults for found in table().values())
