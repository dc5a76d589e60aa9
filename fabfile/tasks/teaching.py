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

            place = next(place for place, word in enumerate(sys.argv) if word.rpartition(".")[2] == self.name)
            words = len(sys.argv) - place
            sys.stdout.flush()
            os.execv(sys.executable, [*sys.orig_argv[:-words], "--help", sys.argv[place]])
        import fabfile
        from fabfile.tasks import typed
        typed.remember(fabfile.namespace, self, kwargs)
        return super().__call__(*args, **kwargs)


def task(*args: Any, **kwargs: Any) -> Any:
    """Invoke's own, with that."""
    return invoke.task(*args, klass=Taught, **kwargs)
