"""The progress of a run: on a terminal one live line per machine; elsewhere plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from fabfile.engine import events
from fabfile.engine.events import Event
from fabfile.screen.plan import plan_text
from fabfile.secret import mask

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

NOTE = "note: "  # begins what a command says that is to be read at once, and kept
PASSING = "... "  # begins what is true only for the moment
EVERY = 8.0  # seconds between two lines of a command that goes on talking
AGAIN = 30.0  # seconds until the same line is printed again
SHORT = 24  # lines of a plan on a terminal, before it is made; --dry shows all


@contextmanager
def progress(rack: str, out: TextIO, dry: bool = False) -> Iterator[Lines | Board]:
    """What shows a run's events on `out`, for as long as the block lasts. A dry run's plan comes at its end."""
    if not out.isatty():
        yield Lines(rack, out, dry)
        return
    from rich.console import Console
    from rich.live import Live
    console = Console(file=out, highlight=False)
    board = Board(console.print, dry)
    with Live(console=console, refresh_per_second=8, transient=True, get_renderable=board.render) as board.live:
        yield board


class Notices:
    """Notices during a short action, where there is no terminal for live output."""

    def __init__(self, out: TextIO):
        self._out, self._talk = out, Talk()

    def __call__(self, event: Event) -> None:
        if not isinstance(event, events.Adopted | events.Noticed | events.Heard | events.Waiting):
            return
        line = format_event(event) if isinstance(event, events.Adopted | events.Noticed) else self._talk.line(event)
        if line:
            print(f"{event.machine}: {line}", file=self._out, flush=True)


class Talk:
    """Which lines of a command's output are printed: every note once, and from time to time the latest line."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, str]] = {}
        self._notes: set[tuple[str, str]] = set()

    def line(self, event: Event) -> str:
        """What is to be printed of this event; nothing for most."""
        match event:
            case events.Heard(text=text) if text:
                pass
            case events.Waiting(step=step, what=what, why=why):
                text = f"[{step}] waiting until {what}: {why or 'no answer yet'}"
            case _:
                return ""
        now, key = time.monotonic(), (event.machine, text)
        then, before = self._last.get(event.machine, (now - AGAIN, ""))
        is_note = text.startswith(NOTE)
        due = now - then >= (AGAIN if text == before else EVERY)
        if (is_note and key in self._notes) or not (is_note or due):
            return ""
        if is_note:
            self._notes.add(key)
        self._last[event.machine] = now, text
        return text.removeprefix(NOTE).removeprefix(PASSING)


class Lines:
    """Plain lines, each beginning with its machine (or the rack, where it is about all of them)."""

    def __init__(self, rack: str, out: TextIO, dry: bool = False):
        self._rack, self._out, self._dry = rack, out, dry
        self._talk = Talk()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While somebody is asked something."""
        yield

    def __call__(self, event: Event) -> None:
        if line := format_event(event) or self._talk.line(event):
            machine = getattr(event, "machine", "") or self._rack
            print(f"{machine}: {line}", file=self._out, flush=True)
        if isinstance(event, events.Planned) and not (event.closing or self._dry):
            for entry in event.plan:
                print(f"{entry.machine}: [{entry.step}] planned: {entry.resource}: {mask(entry.change.what)}"
                      + f" (interrupts: {mask(entry.change.interrupts)})" * bool(entry.change.interrupts),
                      file=self._out, flush=True)


def format_event(event: Event) -> str:
    """One log line for an event; empty for events that are only shown live."""
    match event:
        case events.Adopted(what=what):
            return f"an earlier run's `{what}` is still running here; waiting for it"
        case events.Noticed(text=text):
            return text
        case events.Planned(plan, closing) if not closing:
            return f"{len(plan)} changes on {len(plan.machines())} machines" if plan else "no changes"
        case events.StepBegan(step, machines):
            return f"[{step}] {', '.join(machines)}"
        case events.Changed(step=step, resource=resource, what=what, seconds=seconds):
            return f"[{step}] {resource}: {what} ({seconds:.1f} s)"
        case events.Held(step=step, what=what, seconds=seconds):
            return f"[{step}] ok: {what} ({seconds:.1f} s)"
        case events.Failed(step=step, error=error):
            return f"[{step}] failed: {error}" if step else f"failed: {error}"
        case events.NotNeeded(step=step, resource=resource):
            return f"[{step}] {resource}: no longer needed"
        case events.Stopped(step, later):
            return f"[{step}] failed its checks: {', '.join(later)} not started"
        case events.Verified(step, held, seconds):
            return f"[{step}] verified in {seconds:.1f} s" if held else ""
        case events.StepEnded(step, seconds):
            return f"[{step}] done in {seconds:.1f} s"
    return ""


class Board:
    """One line per machine: what it does, and since when. Permanent lines are printed above."""

    def __init__(self, keep: Callable[..., None], dry: bool = False):
        self._keep, self._dry = keep, dry
        self.live: Live | None = None
        self._machines: frozenset[str] = frozenset()
        self._doing: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._made: dict[str, int] = {}
        self._talk = Talk()

    def __call__(self, event: Event) -> None:
        match event:
            case events.Began(machines=machines):
                self._machines = frozenset(machines)
                for machine in machines:
                    self._now(machine, "connecting")
            case events.Connected(machine):
                self._now(machine, "probing")
            case events.Probed(machine):
                self._now(machine, "")
            case events.Adopted(machine, what):
                self._now(machine, f"waiting for an earlier run's `{what}`")
            case events.Applying(machine, step, resource, what):
                self._now(machine, f"[{step}] {resource}: {what}")
            case events.Heard(machine, text):
                if text and machine in self._machines:
                    self._doing[machine] = f"{self._doing.get(machine, '').split(' ┊ ')[0]} ┊ {text}"
            case events.Changed(machine):
                self._made[machine] = self._made.get(machine, 0) + 1
            case events.Waiting(machine, step, what, why):
                self._now(machine, f"[{step}] until {what}: {why}", keep_clock=True)
            case events.Held(machine):
                self._now(machine, "")
            case events.Failed(machine, step):
                self._now(machine, f"[{step}] failed")
            case events.StepBegan(step, machines):
                for machine in machines:
                    self._now(machine, f"[{step}]")
            case events.StepEnded(step) | events.Verified(step):
                for machine, doing in self._doing.items():
                    if doing.startswith(f"[{step}]") and not doing.endswith("failed"):
                        self._now(machine, "")
        if isinstance(event, events.Heard) and event.text.startswith(NOTE) and (note := self._talk.line(event)):
            self._keep(f"{event.machine}: {note}", markup=False)
        lasting = (events.StepEnded, events.Failed, events.Adopted, events.Noticed, events.Planned, events.Stopped,
                   events.Verified)
        if isinstance(event, lasting) and (line := format_event(event)):
            machine = getattr(event, "machine", "")
            self._keep(f"{machine}: {line}" if machine else line, markup=False)
        if isinstance(event, events.Planned) and event.plan and not (event.closing or self._dry):
            self._keep(plan_text(event.plan, diffs=False, most=SHORT) + "\n", markup=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The terminal is somebody's to answer on."""
        if self.live is not None:
            self.live.stop()
        yield
        if self.live is not None:
            self.live.start()

    def render(self) -> RenderableType:
        """The lines as they are now; long ones are cut at the terminal's edge."""
        from rich.table import Table
        from rich.text import Text
        grid = Table.grid(padding=(0, 1), expand=True)
        for _ in range(3):
            grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        now = time.monotonic()
        for machine, doing in list(self._doing.items()):
            clock = f"{now - self._since[machine]:5.1f} s" if doing else ""
            made = f"{self._made[machine]} changed" if machine in self._made else ""
            grid.add_row(Text(machine, "bold"), Text(made), Text(clock), Text(doing))
        return grid

    def _now(self, machine: str, doing: str, keep_clock: bool = False) -> None:
        if machine not in self._machines:
            return  # the gateway, which every run needs for its lock, has no line unless the run is about it
        same = keep_clock and self._doing.get(machine, "").split(": ")[0] == doing.split(": ", maxsplit=1)[0]
        if not same:
            self._since[machine] = time.monotonic()
        self._doing[machine] = doing
