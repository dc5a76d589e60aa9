"""The command line that runs a task again: its name and all relevant arguments."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoke import Collection, Task

    AnyTask = Task[Callable[..., Any]]

_NOT_AGAIN = ("dry", "json", "yes", "create")  # how a run is shown, and consent: given once
_current: ContextVar[str] = ContextVar("command", default="")


def command() -> str:
    """The task that runs now, as typed after `inv`: "hub.upgrade --hub real"."""
    return _current.get()


def remember(collection: Collection, task: AnyTask, given: Mapping[str, Any]) -> None:
    """Called by the decorator of tasks when one begins."""
    _current.set(words(task, path(collection, task), given))


def path(collection: Collection, task: AnyTask) -> str:
    """The task's name with those of the collections it is in: "hub.user.add". Empty when it is in none."""
    name: str
    for name, each in collection.tasks.items():
        if each.body is task.body:  # Invoke loads copies
            return name
    for name, inner in collection.collections.items():
        if found := path(inner, task):
            return f"{name}.{found}"
    return ""


def words(task: AnyTask, name: str, given: Mapping[str, Any]) -> str:
    """Positional words first, then each flag that is not as it is by default."""
    positional, flags = [], []
    for argument in task.get_arguments():
        value = given.get(argument.name or "", argument.default)
        if argument.positional or argument.name == getattr(task, "may", None):
            positional += [] if value is None else [str(value)]
        elif argument.name not in _NOT_AGAIN and value != argument.default:
            flag = "--" + argument.names[0].strip("_").replace("_", "-")
            flags += [flag] if value is True else ["--no-" + flag[2:]] if value is False else [flag, str(value)]
    return shlex.join([name, *positional, *flags])
