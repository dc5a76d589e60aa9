"""How a lab's coming up is shown: live lines on a terminal, else a plain line when a part begins or ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .forge.event import Event
from .handle import Box
from .machine import Machine

MARKS = {"cached": "·", "waiting": "…", "building": "▶", "built": "✓", "failed": "✗"}


def format_event(event: Event) -> str:
    """One plain line."""
    words = [f"{event.part}:", event.state]
    if event.seconds is not None:
        words.append(f"{event.seconds:.1f} s")
    if event.usual and event.state == "building":
        words.append(f"(last time {event.usual:.0f} s)")
    return " ".join(words)


def plain(event: Event) -> None:
    if event.state in ("building", "built", "failed"):
        print(format_event(event), flush=True)


@contextmanager
def progress() -> Iterator[Callable[[Event], None]]:
    """A function to tell events to, for as long as the block lasts."""
    if not sys.stdout.isatty():
        yield plain
        return
    from rich.live import Live
    from rich.text import Text

    began: dict[str, float] = {}
    events: dict[str, Event] = {}

    def render() -> Text:
        lines = []
        for part, event in events.items():
            if event.state == "building":
                spent = time.monotonic() - began[part]
                of = f" of about {event.usual:.0f}" if event.usual else ""
                lines.append(f"{MARKS['building']} {part:<26} {spent:6.1f}{of} s")
            elif event.seconds is not None:
                lines.append(f"{MARKS[event.state]} {part:<26} {event.seconds:6.1f} s")
        waiting = sum(event.state == "waiting" for event in events.values())
        if waiting:
            lines.append(f"{MARKS['waiting']} {waiting} more")
        return Text("\n".join(lines))

    def tell(event: Event) -> None:
        began.setdefault(event.part, time.monotonic())
        events[event.part] = event

    with Live(get_renderable=render, refresh_per_second=8):
        yield tell


def table(machines: dict[str, Machine], boxes: dict[str, Box], memory: dict[str, int]) -> Iterator[str]:
    """Lines that say how each machine and each program of the internet stands."""
    for name, box in boxes.items():
        ports = machines[name].ports if name in machines else ()
        where = ", ".join(f"{port.name} {port.address}" for port in ports) or "internet"
        for_long = f"{time.time() - box.since:.0f} s"
        yield (f"{name:<9} {box.state:<7} {for_long:>8}  starts {box.starts}  process {box.pid or '-':<8} "
               f"{memory.get(name, 0) / 1e6:6.0f} MB  {where}")
