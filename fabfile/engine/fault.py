"""Unexpected errors as one sentence: what happened, and where in Coop's own code. --debug shows the traceback."""

from __future__ import annotations

import logging
import os
import sys
from traceback import format_exception

from invoke import Exit
from invoke.exceptions import Failure, ParseError, UnexpectedExit

from fabfile.engine.errors import CoopError, Crashed
from fabfile.secret import mask


def debugging() -> bool:
    """Whether Invoke's own --debug was given, or INVOKE_DEBUG is set."""
    return logging.getLogger("invoke").isEnabledFor(logging.DEBUG)


def ending(error: Exception) -> Exception:
    """What Invoke is given in place of any error of a task: an Exit that says it, or its own kind as it is."""
    from fabfile.rack import RackProblems

    if isinstance(error, UnexpectedExit) and error.result.exited < 0 and hasattr(error.result, "connection"):
        error = error.result.connection.lost()  # the command never said how it ended
    if isinstance(error, (Exit, Failure, ParseError)):
        return error
    if isinstance(error, BrokenPipeError):  # whoever read it has gone: `inv run.list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit(code=1)
    if isinstance(error, RackProblems):
        return Exit(str(error), code=2)
    told = error if isinstance(error, CoopError) else Crashed(error)
    if debugging():
        print(traceback(told), file=sys.stderr)
    return Exit("\n    ".join(filter(None, (mask(str(told)), getattr(told, "hint", "")))), code=told.exit_code)


def traceback(error: BaseException) -> str:
    """Where an error comes from, as Python tells it, secrets masked."""
    cause = error.__cause__ if isinstance(error, Crashed) else error
    return mask("".join(format_exception(cause)).rstrip())
