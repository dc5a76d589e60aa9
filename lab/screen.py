"""How a lab's coming up is shown: on a terminal live lines and a bar, else plain lines, at least each half minute."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .forge.event import Event
from .handle import Box
from .machine import Machine
from .progress import Progress, of_about

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MARKS = {"building": "▶", "built": "✓", "failed": "✗"}
EVERY = 30.0  # seconds between two plain lines while a part is being built

Tell = Callable[[Event], None]


def format_event(event: Event) -> str:
    """One plain line."""
    words = [f"{event.part}:", event.state]
    if event.seconds is not None:
        words.append(f"{event.seconds:.1f} s")
    if event.usual and event.usual >= 1 and event.state == "building":
        words.append(f"(about {event.usual:.0f} s)")
    return " ".join(words)


def plain(event: Event) -> None:
    if event.state in MARKS:
        print(format_event(event), flush=True)


@contextmanager
def progress(every: float = EVERY) -> Iterator[Tell]:
    """A function to tell events to, for as long as the block lasts."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    with live(console) if console.is_terminal and not console.is_dumb_terminal else plainly(every) as tell:
        yield tell


@contextmanager
def plainly(every: float) -> Iterator[Tell]:
    """A line when a part begins or ends, and each `every` seconds one that says what is being built."""
    state, lock, over = Progress(), threading.Lock(), threading.Event()

    def tell(event: Event) -> None:
        with lock:
            state.take(event, time.monotonic())
            plain(event)

    def remind() -> None:
        while not over.wait(every):
            with lock:
                if line := state.line(time.monotonic()):
                    print(line, flush=True)

    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield tell
    finally:
        over.set()
        reminder.join()


@contextmanager
def live(console: Console) -> Iterator[Tell]:
    """What has ended stays; below it what is being built, and a bar of what is left, twice a second."""
    from rich.console import Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    state, lock = Progress(), threading.Lock()

    def render() -> RenderableType:
        with lock:
            now = time.monotonic()
            lines: list[RenderableType] = [f"{MARKS['building']} {part:<26} {since:6.0f}{of_about(usual)} s"
                                           for part, since, usual in state.at_work(now)]
            if state.is_building():
                bar = Table.grid(padding=(0, 1))
                bar.add_row(ProgressBar(total=1.0, completed=state.done(now), width=30), state.summary(now))
                lines.append(bar)
            return Group(*lines)

    def tell(event: Event) -> None:
        with lock:
            state.take(event, time.monotonic())
        if event.seconds is not None:
            board.console.print(f"{MARKS[event.state]} {event.part:<26} {event.seconds:6.1f} s")

    with Live(console=console, get_renderable=render, refresh_per_second=2, transient=True) as board:
        yield tell


def table(machines: dict[str, Machine], boxes: dict[str, Box], memory: dict[str, int]) -> Iterator[str]:
    """Lines that say how each machine and each program of the internet stands."""
    for name, box in boxes.items():
        ports = machines[name].ports if name in machines else ()
        where = ", ".join(f"{port.name} {port.address}" for port in ports) or "internet"
        for_long = f"{time.time() - box.since:.0f} s"
        yield (f"{name:<9} {box.state:<7} {for_long:>8}  starts {box.starts}  process {box.pid or '-':<8} "
               f"{memory.get(name, 0) / 1e6:6.0f} MB  {where}")
