"""The decorator of every task: `inv node.add --help` teaches, as `inv --help node.add` does."""

from __future__ import annotations

from typing import Any

import invoke

HELP = ("--help", "-h")


class Taught(invoke.Task):
    """Invoke takes the word after a task that wants one for its argument, be it --help: no machine is meant."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not set(HELP).isdisjoint(value for value in kwargs.values() if isinstance(value, str)):
            import os
            import sys

            typed = sys.argv[1:]
            before = typed[:next(place for place, word in enumerate(typed) if word in HELP)]
            task = next(word for word in reversed(before) if word.rpartition(".")[2] == self.name)
            os.execv(sys.executable, [*sys.orig_argv[:-len(typed)], "--help", task])
        return super().__call__(*args, **kwargs)


def task(*args: Any, **kwargs: Any) -> Any:
    """Invoke's own, with that."""
    return invoke.task(*args, klass=Taught, **kwargs)
