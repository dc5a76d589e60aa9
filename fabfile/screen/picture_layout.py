"""Where the boxes and wires of the rack's picture are: rooster and the services above, the other machines below in rows.

Each row hangs on a wire. All letters have one width, so that what fits a box here fits it with every font of that kind.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

WIDTH = 1160
SIDE = 44  # left and right of all boxes: where wires go from row to row
GAP = 16
PADDING = 9
LETTER, HEAD = 11, 14  # sizes of the letters
ADVANCE = 0.61  # of its size, the width of a letter
LEADING = 15  # from line to line
DROP = 16  # from a wire to its boxes
GATEWAY = 250  # rooster's width
MOST = 6  # machines in a row
SERVICES = 3  # boxes in a row beside rooster

Point = tuple[int, int]


@dataclass(frozen=True)
class State:
    """How something is, as a word, and the class that gives the word its colour."""

    word: str
    kind: str


@dataclass(frozen=True)
class Card:
    """What is in a box. `about` is everything that is known, for who cannot see the picture."""

    name: str
    lines: tuple[str, ...]
    state: State
    about: str
    wires: frozenset[str] = frozenset()  # of "node", "bmc", "published"


@dataclass(frozen=True)
class Text:
    x: int
    y: int
    text: str
    kind: str


@dataclass(frozen=True)
class Box:
    card: Card
    x: int
    y: int
    width: int
    height: int
    texts: tuple[Text, ...]

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True)
class Wire:
    kind: str  # "public", "node", "bmc", "published"
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    labels: tuple[Text, ...]


@dataclass(frozen=True)
class Names:
    """What is written at each wire; no name: there is no such wire."""

    public: str
    node: str
    published: str = ""
    bmc: str = ""


def picture(gateway: Card, services: Sequence[Card], machines: Sequence[Card], names: Names) -> Picture:
    """rooster on the outer network, the services beside it, everything else below."""
    outer, top = 34, 66
    rooster = _box(gateway, SIDE, top, GATEWAY)
    wires = [Wire("public", ((SIDE, outer), (WIDTH - SIDE, outer))), Wire("public", ((rooster.middle, outer), (rooster.middle, top)))]
    labels = [Text(SIDE, outer - 10, names.public, "label")]
    beside = SIDE + GATEWAY + 2 * SIDE
    first = top + DROP
    hung = _rows(services, beside, first + DROP, SERVICES, GAP + DROP)
    for row in hung:
        wires += _hung("published", row, row[0].y - DROP, beside - SIDE)
    if names.published:
        wires += [Wire("published", ((SIDE + GATEWAY, first), (beside - SIDE, first))),
                  *_between("published", beside - SIDE, [row[0].y - DROP for row in hung if _on("published", row)])]
        labels.append(Text(beside, first - 6, names.published, "label"))
    below = max([rooster.bottom, *(box.bottom for row in hung for box in row)])
    bus = below + 52
    rows = _rows(machines, SIDE, bus + DROP, min(MOST, max(4, len(machines))), 2 * DROP + GAP if names.bmc else DROP + GAP)
    buses = [row[0].y - DROP for row in rows] or [bus]
    down = SIDE + 40
    wires += [Wire("node", ((down, rooster.bottom), (down, bus))), *_between("node", SIDE // 2, buses)]
    for row in rows:
        wires += _hung("node", row, row[0].y - DROP, SIDE // 2 if len(rows) > 1 else down, at_least=down)
    labels.append(Text(down + 8, bus - 8, names.node, "label"))
    bottom = max([bus, *(row[0].bottom for row in rows)]) + DROP
    if names.bmc:
        wires += _bmcs(gateway, rows, rooster.bottom, below + DROP)
        labels.append(Text(SIDE, bottom + LEADING, names.bmc, "label"))
    boxes = (rooster, *(box for row in (*hung, *rows) for box in row))
    return Picture(WIDTH, bottom + 2 * LEADING, boxes, tuple(wires), tuple(labels))


def fold(text: str, letters: int) -> list[str]:
    """Lines of at most so many letters; none of nothing."""
    return textwrap.wrap(text, letters)


def _box(card: Card, x: int, y: int, width: int) -> Box:
    room = width - 2 * PADDING
    written = [(line, "name") for line in fold(card.name, int(room / (HEAD * ADVANCE)))]
    for line, kind in ((card.state.word, f"state {card.state.kind}"), *((line, "line") for line in card.lines)):
        written += [(part, kind) for part in fold(line, int(room / (LETTER * ADVANCE)))]
    texts = tuple(Text(x + PADDING, y + 19 + number * LEADING, line, kind) for number, (line, kind) in enumerate(written))
    return Box(card, x, y, width, 28 + (len(written) - 1) * LEADING, texts)


def _rows(cards: Sequence[Card], x: int, y: int, columns: int, between: int) -> list[list[Box]]:
    """Boxes of one width, in rows; those of a row have one height."""
    width = (WIDTH - SIDE - x - (columns - 1) * GAP) // columns
    rows: list[list[Box]] = []
    for start in range(0, len(cards), columns):
        row = [_box(card, x + column * (width + GAP), y, width) for column, card in enumerate(cards[start:start + columns])]
        height = max(box.height for box in row)
        rows.append([replace(box, height=height) for box in row])
        y += height + between
    return rows


def _on(kind: str, row: Sequence[Box]) -> list[Box]:
    return [box for box in row if kind in box.card.wires]


def _hung(kind: str, row: Sequence[Box], y: int, start: int, at_least: int = 0) -> Iterator[Wire]:
    """A wire above a row, and from it one to each box that has it."""
    if hung := _on(kind, row):
        yield Wire(kind, ((start, y), (max(hung[-1].middle, at_least), y)))
        for box in hung:
            yield Wire(kind, ((box.middle, y), (box.middle, box.y)))


def _between(kind: str, x: int, heights: Sequence[int]) -> Iterator[Wire]:
    """From the first row's wire to the last one's."""
    if len(heights) > 1:
        yield Wire(kind, ((x, heights[0]), (x, heights[-1])))


def _bmcs(gateway: Card, rows: Sequence[Sequence[Box]], rooster: int, lead: int) -> Iterator[Wire]:
    """Below each row; and to rooster, where it has an address there."""
    right = WIDTH - SIDE // 2
    heights = []
    if "bmc" in gateway.wires:
        heights.append(lead)
        yield Wire("bmc", ((SIDE + GATEWAY - 40, rooster), (SIDE + GATEWAY - 40, lead), (right, lead)))
    for row in rows:
        if hung := _on("bmc", row):
            y = row[0].bottom + DROP
            heights.append(y)
            yield Wire("bmc", ((hung[0].middle, y), (right, y)))
            for box in hung:
                yield Wire("bmc", ((box.middle, box.bottom), (box.middle, y)))
    yield from _between("bmc", right, heights)
