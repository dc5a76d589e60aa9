"""How far a build is, and what is left of it: events in, values out, by the clock of whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

from .forge.event import Event
from .forge.schedule import Work, seconds_left

PRIOR = 60.0  # seconds of work at the expected pace that count before any was seen: one part says little
SLOWEST, FASTEST = 8.0, 0.5


class Progress:
    """What is being built, how many parts are built, and an estimate of what is left.

    Where parts take longer than expected, as beside other work, so will the rest.
    """

    def __init__(self) -> None:
        self._parts: set[str] = set()
        self._built: set[str] = set()
        self._began = 0.0
        self._waiting: dict[str, Work] = {}
        self._running: dict[str, tuple[Work, float]] = {}
        self._expected = self._taken = 0.0

    def take(self, event: Event, now: float) -> None:
        """One more event, which came at `now`."""
        if event.state == "waiting":
            self._waiting[event.part] = event.work or Work(event.part)
            self._parts.add(event.part)
            self._built.discard(event.part)
            self._began = now
        elif event.state == "building":
            self._running[event.part] = self._waiting.pop(event.part, Work(event.part)), now
        elif event.part in self._running:
            work, began = self._running.pop(event.part)
            if event.part not in self._parts or event.state == "failed":
                return
            self._built.add(event.part)
            if event.state == "built":
                self._expected, self._taken = self._expected + work.usual, self._taken + now - began

    def at_work(self, now: float) -> Iterator[tuple[str, float, float]]:
        """What is being built: its name, for how long, and how long it usually takes (0: unknown)."""
        for work, began in self._running.values():
            yield work.name, now - began, work.usual

    def is_building(self) -> bool:
        """Whether there are parts to build still: what else a lab does is begun and done in a moment."""
        return self._built < self._parts

    def left(self, now: float) -> float:
        """Seconds, estimated."""
        pace = self._pace(now)
        waiting = (Work(work.name, work.inputs, work.turn, work.usual * pace) for work in self._waiting.values())
        running = {work: max(work.usual * pace - (now - began), (now - began) / 10)
                   for work, began in self._running.values()}
        return seconds_left(waiting, running)

    def done(self, now: float) -> float:
        """The share of the whole time that is over."""
        over = now - self._began
        return over / (over + self.left(now)) if over > 0 else 0.0

    def summary(self, now: float) -> str:
        """"12 of 36 parts built, about 9 minutes left"."""
        return f"{len(self._built)} of {len(self._parts)} parts built, {spoken(self.left(now))} left"

    def line(self, now: float) -> str:
        """All of it in one plain line; "" if nothing is being built."""
        working = "; ".join(f"building {name} for {since:.0f} s{of_about(usual)}" for name, since, usual in self.at_work(now))
        return ", ".join(filter(None, [working, self.summary(now) if self.is_building() else ""]))

    def _pace(self, now: float) -> float:
        """How many times as long as expected parts take here."""
        late = [(now - began, work.usual) for work, began in self._running.values() if 0 < work.usual < now - began]
        taken = PRIOR + self._taken + sum(seconds for seconds, _ in late)
        expected = PRIOR + self._expected + sum(usual for _, usual in late)
        return min(max(taken / expected, FASTEST), SLOWEST)


def of_about(usual: float) -> str:
    return f" of about {usual:.0f}" if usual >= 1 else ""


def spoken(seconds: float) -> str:
    """"about 9 minutes": as exact as an estimate is."""
    if seconds < 50:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"
