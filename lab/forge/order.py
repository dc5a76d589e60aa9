"""Build parts in the order of their inputs, two at a time."""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from lab.forge.event import Event, ForgeError
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.store import Store

#: One part compiles, which fills every core by itself, while another downloads or packs.
AT_ONCE = 2


def make(wanted: Part, cache: Path, tell: Callable[[Event], None]) -> Store:
    """Build `wanted` and all it is made from, as far as `cache` lacks it; then empty the scratch folder."""
    store = Store(cache)
    parts = list(wanted.with_inputs())
    for part in parts:
        tell(Event(part.name, "cached" if store.has(part) else "waiting", usual=store.usual(part)))
    missing = [part for part in parts if not store.has(part)]
    if missing:
        if os.geteuid() != 0:
            raise ForgeError(wanted.name, "only root can make the roots of machines")
        with store.at_work(parts):
            _build(missing, store, tell)
    return store


def _build(parts: list[Part], store: Store, tell: Callable[[Event], None]) -> None:
    """Every part as soon as its inputs are there and its turn is free; on a failure nothing new is begun."""
    waiting, failure = list(parts), None
    running: dict[Future[bool], tuple[Part, float]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while running or (waiting and not failure):
            while not failure and len(running) < AT_ONCE and (part := _next(waiting, running, store)):
                waiting.remove(part)
                tell(Event(part.name, "building", usual=store.usual(part)))
                running[pool.submit(_build_one, part, store)] = (part, time.monotonic())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                part, began = running.pop(future)
                seconds = time.monotonic() - began
                if error := future.exception():
                    failure = failure or error
                    tell(Event(part.name, "failed", seconds))
                elif future.result():
                    tell(Event(part.name, "built", seconds, store.usual(part)))
                    store.took(part, seconds)
                else:
                    tell(Event(part.name, "cached", usual=store.usual(part)))
    if failure:
        raise failure


def _next(waiting: list[Part], running: dict[Future[bool], tuple[Part, float]], store: Store) -> Part | None:
    taken = {part.turn for part, _ in running.values() if part.turn}
    ready = (part for part in waiting if part.turn not in taken and all(map(store.has, part.inputs)))
    return next(ready, None)


def _build_one(part: Part, store: Store) -> bool:
    """Whether it was built, and not by another process meanwhile."""
    log = store.log(part)
    log.unlink(missing_ok=True)
    try:
        return store.fill(part, lambda out: part.recipe(Job(part, out, store)))
    except (OSError, LookupError, ValueError) as error:
        raise ForgeError(part.name, f"{type(error).__name__}: {error}", log) from error
