"""Several machines in parallel, up to a limit; Ctrl-C is handled in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar, cast

from fabfile.engine.errors import MachineError

WIDTH = 32  # machines at once

Item = TypeVar("Item")
Value = TypeVar("Value")


def each(function: Callable[[Item], Value], items: Iterable[Item],
         width: int = WIDTH) -> tuple[dict[Item, Value], dict[Item, MachineError]]:
    """The result of the function for each item, and the errors of the machines where it failed.

    Any other error is raised here. The threads are daemons: a second Ctrl-C need not wait for a slow
    connection.
    """
    waiting = list(items)
    if len(waiting) == 1:  # nothing to do at once
        (item,) = waiting
        try:
            return {item: function(item)}, {}
        except MachineError as error:
            return {}, {item: error}
    todo: SimpleQueue[Item | None] = SimpleQueue()
    done: SimpleQueue[tuple[Item, Value | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        while (one := todo.get()) is not None:
            try:
                done.put((one, function(one), None))
            except BaseException as error:
                done.put((one, None, error))

    threads = min(width, len(waiting))
    for each in [*waiting, *[None] * threads]:
        todo.put(each)
    for _ in range(threads):
        Thread(target=work, daemon=True).start()
    values: dict[Item, Value] = {}
    errors: dict[Item, MachineError] = {}
    for _ in waiting:
        item, value, failure = done.get()
        if failure is None:
            values[item] = cast(Value, value)
        elif isinstance(failure, MachineError):
            errors[item] = failure
        else:
            raise failure
    return {item: values[item] for item in waiting if item in values}, errors
