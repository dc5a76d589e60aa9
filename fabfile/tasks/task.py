"""The decorator of every task: numbers are validated, a word may be optional, and every error is one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, overload

import invoke
from invoke.parser import Argument

from fabfile.tasks.numbers import Number

# what the flags that many tasks have say in their help
DRY = "Dry run: show the changes, make none; exit 3 if there are any."
YES = "Approve changes that interrupt something, without asking."
JSON = "Print JSON."

if TYPE_CHECKING:
    Task = invoke.Task[Callable[..., Any]]  # generic for type checkers only
else:
    Task = invoke.Task


class CoopTask(Task):
    """With Invoke's own an error of a task, or a number that is none, is a traceback.

    Arguments with a number as default want one; `numbers` names others. `may` names a word that may be left out, which
    Invoke's own positional ones may not: what is typed reads it (cli/words.py).
    """

    def __init__(self, *args: Any, numbers: Iterable[str] = (), may: str = "", **kwargs: Any):
        self.numbers, self.may = frozenset(numbers), may
        super().__init__(*args, **kwargs)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        return [Number.of(argument) if argument.kind is int or argument.name in self.numbers else argument
                for argument in super().get_arguments(ignore_unknown_help)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
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


@overload
def task(body: Callable[..., Any], /) -> CoopTask: ...
@overload
def task(**about: Any) -> Callable[[Callable[..., Any]], CoopTask]: ...
def task(*body: Callable[..., Any], **about: Any) -> Any:
    """Invoke's own, with that. No letter stands for an option: Invoke would choose it by the order of the options, so that
    `-d` was `--dry` in one task and `--dead` in another."""
    return invoke.task(*body, klass=CoopTask, auto_shortflags=False, **about)
