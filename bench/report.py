"""The figures of a comparison as tables and goals. Values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from .cost import Cost, Counts

FIGURES = ("controller", "machines", "cpu", "wall")
FLOOR, COOP, PYINFRA = "floor", "Coop", "pyinfra"
QUESTIONS, DOCTOR = "questions", "doctor"
LOOK, LOOK_WITHOUT = "look", "look-without"
MOST = {"no-op": 1.5, "fresh": 1.7, LOOK: 1.5}  # times the floor's processor time
MANY = 12  # machines; with fewer, the start of Python alone decides
COLUMNS = ("machines", "way", "delay", "tool", "CPU here", "on machines", "CPU total", "× floor", "wall",  # noqa: RUF001
           "channels", "round trips", "kB")
TITLES = {"fresh": "Fresh: all twelve steps", "no-op": "No-op: nothing to do", "changed": "One file changed",
          LOOK: "One look of the doctor", LOOK_WITHOUT: "One look while some machines are off"}


@dataclass(frozen=True)
class Row:
    """All runs of one kind of one tool on one field."""

    size: int
    way: str
    delay: int
    kind: str  # of TITLES
    tool: str
    costs: tuple[Cost, ...]

    @property
    def field(self) -> tuple[int, str, int]:
        return self.size, self.way, self.delay

    @property
    def counts(self) -> Counts | None:
        return next((cost.counts for cost in self.costs if cost.counts), None)

    @property
    def timed(self) -> tuple[Cost, ...]:
        """The runs at which nobody looked at the wire, if there are any."""
        return tuple(cost for cost in self.costs if not cost.counts) or self.costs

    def middle(self, figure: str) -> float:
        """The median of one of FIGURES."""
        return median(getattr(cost, figure) for cost in self.timed)


def as_data(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(row) | {"median": {figure: round(row.middle(figure), 3) for figure in FIGURES}}
            for row in rows]


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: one table a kind of run."""
    for kind, title in TITLES.items():
        chosen = [row for row in rows if row.kind == kind]
        if not chosen:
            continue
        yield f"### {title}\n"
        yield f"| {' | '.join(COLUMNS)} |"
        yield "|---:|---|---:|---|" + "---:|" * (len(COLUMNS) - 4)
        for row in chosen:
            yield _line(row, found(rows, QUESTIONS if kind == LOOK else FLOOR, kind, row.field))
        yield ""


def _line(row: Row, floor: Row | None) -> str:
    counts = row.counts
    counted = ("", "", "") if counts is None else tuple(
        f"{figure:.1f}" for figure in (counts.channels, counts.round_trips, counts.bytes / 1000))
    here, there, total, wall = (f"{row.middle(figure):.2f}" for figure in FIGURES)
    times = f"{row.middle('cpu') / floor.middle('cpu'):.2f}" if floor else ""
    cells = (row.size, row.way, f"{row.delay} ms", row.tool, here, there, total, times, wall, *counted)
    return f"| {' | '.join(map(str, cells))} |"


def found(rows: Iterable[Row], tool: str, kind: str, field: tuple[int, str, int]) -> Row | None:
    return next((row for row in rows if (row.tool, row.kind, row.field) == (tool, kind, field)), None)


@dataclass(frozen=True)
class Goal:
    """One figure that is to be reached, and whether it is."""

    what: str
    figure: float
    limit: float

    @property
    def reached(self) -> bool:
        return self.figure <= self.limit

    def __str__(self) -> str:
        word = "reached" if self.reached else "MISSED"
        return f"{word:<8} {self.figure:6.2f}  (at most {self.limit:.2f})  {self.what}"


def goals(rows: Sequence[Row]) -> Iterator[Goal]:
    """What Coop is to reach, of what has been measured."""
    yield from _of_looks(rows)
    for coop in (row for row in rows if row.tool == COOP):
        where = f"{coop.size} machines, {coop.way}, {coop.delay} ms"
        floor = found(rows, FLOOR, coop.kind, coop.field)
        peer = found(rows, PYINFRA, coop.kind, coop.field)
        noop = found(rows, COOP, "no-op", coop.field)
        cpu, wall = coop.middle("cpu"), coop.middle("wall")
        if floor and coop.kind in MOST and coop.size >= MANY:
            what = f"CPU of a {coop.kind} run by the floor's: {where}"
            yield Goal(what, cpu / floor.middle("cpu"), MOST[coop.kind])
        if peer and coop.kind == "no-op" and coop.size >= MANY:
            yield Goal(f"CPU of a no-op by pyinfra's: {where}", cpu / peer.middle("cpu"), 1 / 3)
        if floor and coop.kind == "no-op" and coop.delay:
            yield Goal(f"wall of a no-op by the floor's: {where}", wall / floor.middle("wall"), 1.5)
        if coop.counts and coop.kind == "no-op":
            yield Goal(f"exec channels a machine: {where}", coop.counts.channels, 1.0)
        if coop.kind == "changed" and (added := _added(coop, noop)) is not None:
            yield Goal(f"round trips a machine that one changed file adds: {where}", added, 2.0)


def _of_looks(rows: Sequence[Row]) -> Iterator[Goal]:
    for look in (row for row in rows if row.tool == DOCTOR):
        asked = found(rows, QUESTIONS, look.kind, look.field)
        if asked and look.size >= MANY:
            yield Goal(f"CPU of a look by that of its questions by ssh: {look.size} machines", look.middle("cpu") / asked.middle("cpu"),
                       MOST[LOOK])
        if look.counts:
            yield Goal(f"exec channels a machine: a look at {look.size} machines", look.counts.channels, 1.0)


def _added(changed: Row, noop: Row | None) -> float | None:
    """Round trips above a no-op, by Coop's own count: the wire also has what SSH says of itself."""
    counts = [row.counts.asked if row and row.counts else None for row in (changed, noop)]
    return None if None in counts else counts[0] - counts[1]
