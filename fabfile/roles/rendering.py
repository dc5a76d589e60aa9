"""Rendering templates: values in, text out; a missing value is an error, never empty text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parents[1] / "templates"


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False,
                       auto_reload=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)


def render(template: str, **values: Any) -> str:
    """The text of a template, named as it lies in templates/: "rooster/etc/nftables.conf".

    The same values give the same text, always: no clock, no chance, no order but the rack's own.
    Raises jinja2.UndefinedError when the template asks for a value that was not given.
    """
    return _environment().get_template(template).render(values)
