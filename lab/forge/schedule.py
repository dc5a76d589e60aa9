"""Which part is built next, and how long the rest will take: values in, values out."""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

#: One part compiles, which fills every core by itself, while another downloads or packs.
AT_ONCE = 2


@dataclass(frozen=True)
class Work:
    """A part that is to be built, as far as the order of building goes."""

    name: str
    inputs: tuple[str, ...] = ()
    #: Two with the same turn are never built at the same time.
    turn: str | None = None
    #: Seconds it is expected to take.
    usual: float = 0.0


def next_work(waiting: Iterable[Work], running: Collection[Work], is_there: Callable[[str], bool]) -> Work | None:
    """The first that can begin now: there is room, its turn is free, and its inputs are there."""
    if len(running) >= AT_ONCE:
        return None
    taken = {work.turn for work in running if work.turn}
    ready = (work for work in waiting if work.turn not in taken and all(map(is_there, work.inputs)))
    return next(ready, None)


def seconds_left(waiting: Iterable[Work], running: Mapping[Work, float]) -> float:
    """How long all this will take, built in this order; `running` says how many seconds are left of each."""
    waiting, ends, now = list(waiting), dict(running), 0.0
    missing = {work.name for work in (*waiting, *ends)}
    while True:
        while work := next_work(waiting, ends, lambda name: name not in missing):
            waiting.remove(work)
            ends[work] = now + work.usual
        if not ends:
            return now
        first = min(ends, key=ends.__getitem__)
        now = ends.pop(first)
        missing.discard(first.name)
