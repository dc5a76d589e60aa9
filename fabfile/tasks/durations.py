"""Durations on the command line: "30m", else one sentence and exit code 2."""

from __future__ import annotations

from invoke import Exit


def seconds_of(flag: str, text: str) -> int:
    """The seconds of what was given with a flag."""
    from pydantic import TypeAdapter, ValidationError

    from fabfile.rack.values import Duration, seconds

    try:
        return seconds(TypeAdapter(Duration).validate_python(text))
    except ValidationError:
        raise Exit(f"{flag}: {text!r} is not a duration: a number with s, m, h or d, such as 30m", code=2) from None
