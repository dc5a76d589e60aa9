"""The command line after `inv`, where Invoke's parser would not do what a person means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from invoke import Argument, Collection, ParseError, Task

HELP = ("--help", "-h")


def help_wanted(words: Sequence[str], tasks: Mapping[str, Task[Any]]) -> str:
    """The task before a --help. Invoke would take --help as the task's positional argument: `inv node.add --help`."""
    task = ""
    for word in words:
        if word in tasks:
            task = word
        elif task and word in HELP and not any(word.lstrip("-") in argument.names for argument in arguments(tasks[task])):
            return task
    return ""


def with_flags(words: Sequence[str], tasks: Mapping[str, Task[Any]]) -> list[str]:
    """The same words, with an optional positional argument, which Invoke does not have, as a flag:
    `node.status chick1` becomes `node.status --machine=chick1`."""
    said: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        optional = getattr(tasks.get(before), "may", "")
        said.append(f"--{optional}={word}" if optional and not word.startswith("-") and word not in tasks else word)
    return said


def usage(error: ParseError, command: str, collection: Collection | None) -> str:
    """A usage error as one sentence that says what to type."""
    context = error.context
    task = context.name if context is not None else None
    if task and context is not None and context.missing_positional_args:
        wanted = context.missing_positional_args[0]
        line = " ".join([command, task, *(str(argument.name).upper() for argument in context.positional_args)])
        return f"{task} needs {str(wanted.name).upper()}: {line}" + (f" ({wanted.help})" if wanted.help else "")
    said = str(error)
    if found := re.fullmatch(r"No idea what '(.*)' is!", said, re.DOTALL):
        return _unknown(found[1], command, task, collection)
    if found := re.match(r"Flag <\w+: ([\w-]+)", said):
        flag = ("-" if len(found[1]) == 1 else "--") + found[1].replace("_", "-")
        return f"{flag} needs a value: {command} --help {task or ''}".rstrip()
    return said


def _unknown(word: str, command: str, task: str | None, collection: Collection | None) -> str:
    if word.startswith("-"):
        return f"{task or command} has no flag {word}: {command} --help {task or ''}".rstrip()
    from fabfile.rack.spelling import likest

    near = likest(word, collection.task_names) if collection is not None else None
    hint = f"did you mean {near}?" if near else f"{command} --list names every task"
    return (f"{task} takes no argument {word!r}, and no task has that name" if task else f"there is no task {word!r}") + f" ({hint})"


def arguments(task: Task[Any]) -> list[Argument]:
    """The arguments of a task. Asked for them, Invoke's own forgets their help."""
    kept = dict(task.help)
    try:
        return task.get_arguments()
    finally:
        task.help = kept
