"""Build parts in the order of their inputs, two at a time."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from lab.forge.event import Event, ForgeError
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.schedule import AT_ONCE, Work, next_work
from lab.forge.store import Store
from lab.forge.usual import usual_seconds


def make(wanted: Part, cache: Path, tell: Callable[[Event], None]) -> Store:
    """Build `wanted` and all it is made from, as far as `cache` lacks it; then empty the scratch folder."""
    store = Store(cache)
    parts = list(wanted.with_inputs())
    missing = {part.name: part for part in parts if not store.has(part)}
    waiting = [Work(name, tuple(each.name for each in part.inputs if each.name in missing), part.turn,
                    usual_seconds(part, store)) for name, part in missing.items()]
    for part in parts:
        if part.name not in missing:
            tell(Event(part.name, "cached"))
    for work in waiting:
        tell(Event(work.name, "waiting", usual=work.usual, work=work))
    if missing:
        if os.geteuid() != 0:
            raise ForgeError(wanted.name, "only root can make the roots of machines")
        with store.at_work(parts):
            _build(missing, waiting, store, tell)
    return store


def _build(parts: Mapping[str, Part], waiting: list[Work], store: Store, tell: Callable[[Event], None]) -> None:
    """Every part as soon as its inputs are there and its turn is free; on a failure nothing new is begun."""
    failure = None
    running: dict[Future[bool], tuple[Work, float]] = {}

    def is_there(name: str) -> bool:
        return store.has(parts[name])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        while running or (waiting and not failure):
            while not failure and (work := next_work(waiting, [each for each, _ in running.values()], is_there)):
                waiting.remove(work)
                tell(Event(work.name, "building", usual=work.usual))
                running[pool.submit(_build_one, parts[work.name], store)] = (work, time.monotonic())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                work, began = running.pop(future)
                seconds = time.monotonic() - began
                if error := future.exception():
                    failure = failure or error
                    tell(Event(work.name, "failed", seconds))
                elif future.result():
                    tell(Event(work.name, "built", seconds, work.usual))
                    store.took(parts[work.name], seconds)
                else:
                    tell(Event(work.name, "cached"))
    if failure:
        raise failure


def _build_one(part: Part, store: Store) -> bool:
    """Whether it was built, and not by another process meanwhile."""
    log = store.log(part)
    log.unlink(missing_ok=True)
    try:
        return store.fill(part, lambda out: part.recipe(Job(part, out, store)))
    except (OSError, LookupError, ValueError) as error:
        raise ForgeError(part.name, f"{type(error).__name__}: {error}", log) from error
