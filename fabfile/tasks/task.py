"""The decorator of every task: `inv node.add --help` works, numbers are validated, and every error is one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import invoke
from invoke.parser import Argument

from fabfile.tasks.numbers import Number

HELP = ("--help", "-h")


class CoopTask(invoke.Task):
    """Invoke's own takes the word after a task that wants one for its argument, be it --help; and an error of a task, or
    a number that is none, is a traceback there.

    Arguments with a number as default want one; `numbers` names others. `may` names a word that may be left out, which
    Invoke's own positional ones may not.
    """

    def __init__(self, *args: Any, numbers: Iterable[str] = (), may: str = "", **kwargs: Any):
        self.numbers, self.may = frozenset(numbers), may
        super().__init__(*args, **kwargs)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        self.positional = [self.may] if self.may and self._has_a_word() else self.positional
        return [Number.of(argument) if argument.kind is int or argument.name in self.numbers else argument
                for argument in super().get_arguments(ignore_unknown_help)]

    def _has_a_word(self) -> bool:
        """Whether what was typed behind this task is neither a flag nor another task."""
        behind = [after for word, after in zip(sys.argv, sys.argv[1:]) if word.rpartition(".")[2] == self.name]
        if not behind or behind[0].startswith("-"):
            return False
        import fabfile
        return behind[0] not in fabfile.namespace.task_names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not set(HELP).isdisjoint(value for value in kwargs.values() if isinstance(value, str)):
            import os

            place = next(place for place, word in enumerate(sys.argv) if word.rpartition(".")[2] == self.name)
            words = len(sys.argv) - place
            sys.stdout.flush()
            os.execv(sys.executable, [*sys.orig_argv[:-words], "--help", sys.argv[place]])
        import fabfile
        from fabfile.tasks import command_line
        command_line.remember(fabfile.namespace, self, kwargs)
        try:
            result = super().__call__(*args, **kwargs)
            sys.stdout.flush()
            return result
        except Exception as error:
            from fabfile.engine.fault import ending
            raise ending(error) from None


def task(*args: Any, **kwargs: Any) -> Any:
    """Invoke's own, with that."""
    return invoke.task(*args, klass=CoopTask, **kwargs)
