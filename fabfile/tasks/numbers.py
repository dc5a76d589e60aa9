"""Numbers on the command line: positive integers, else one sentence and exit code 2."""

from __future__ import annotations

from typing import Any

from invoke import Exit
from invoke.parser import Argument


class Number(Argument):
    """A task's argument that is a number. Invoke's own ends in a traceback at "abc", and takes -5."""

    @classmethod
    def of(cls, plain: Argument) -> Number:
        """The same argument, which takes numbers alone."""
        return cls(names=plain.names, kind=int, default=plain.default, help=plain.help, positional=plain.positional,
                   optional=plain.optional, attr_name=plain.attr_name)

    def set_value(self, value: Any, cast: bool = True) -> None:
        if cast and not (str(value).isascii() and str(value).isdigit() and 0 < int(value) < 1 << 31):
            named = str(self.name).upper() if self.positional else f"--{self.names[0]}"
            raise Exit(f"{named} is a whole number from 1 on, not {value!r}", code=2)
        super().set_value(value, cast)
