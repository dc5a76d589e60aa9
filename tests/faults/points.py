"""Which fault happens where: points taken evenly over all commands of a run, kinds and moments cycling.

A point is named after its kind and its number, `disk-full-017`: the same name is the same kind at the same share of
the run, whatever the run has become meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stopping import MOMENTS, Point, Sent

KINDS = ("killed", "interrupted", "hanging", "reset", "rebooted", "powerless", "disk-full", "mirror-500",
         "mirror-half", "sudo-refused", "clock-jumped", "dns-gone")
GOLDEN = 0.6180339887  # its multiples fill the space between 0 and 1 evenly, however many there are
BESIDE = ("disk-full", "mirror-500", "mirror-half", "clock-jumped", "dns-gone")  # the run itself is left alone


@dataclass(frozen=True)
class Planned:
    """A fault that is to be made: the `number`th. The first `of` are spread over all commands of the run, any
    further ones over those alone that change something."""

    number: int
    of: int
    further: int = 0

    @property
    def kind(self) -> str:
        return KINDS[self._kind]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number:03}"

    @property
    def moment(self) -> str:
        """Each kind meets every moment; what is made beside the run is made before a command."""
        return "before" if self.kind in BESIDE else MOMENTS[(self._round + self._kind) % len(MOMENTS)]

    def point(self, commands: Sequence[tuple[Sent, float]]) -> Point:
        """Where that is among the commands of an undisturbed run, each with the seconds that it took."""
        number, of = (self.number, self.of) if self.number <= self.of else (self.number - self.of, self.further)
        among = commands if self.number <= self.of else [each for each in commands if each[0].verb == "act"]
        at, seconds = among[(2 * number - 1) * len(among) // (2 * of)]
        share = self.number * GOLDEN % 1
        return Point(at, self.moment, round(seconds * share, 3) if self.moment == "during" else 0.0)

    @property
    def _round(self) -> int:
        return (self.number - 1) // len(KINDS)

    @property
    def _kind(self) -> int:
        return (self.number - 1 + self._round) % len(KINDS)


def planned(of: int, further: int = 0, only: int | None = None) -> list[Planned]:
    """All points, or so many of them, as evenly as they come; any beginning of the list is an even sample."""
    every = of + further
    chosen = list(range(1, every + 1))
    if only is not None and only < every:
        chosen = sorted({round((n + 0.5) * every / only) for n in range(only)})
    chosen.sort(key=lambda number: number * GOLDEN % 1)
    return [Planned(number, of, further) for number in chosen]


def in_order(records: Sequence[dict], machines: Sequence[str]) -> list[tuple[Sent, float]]:
    """The commands of a recorded run with their seconds: machine by machine, each machine's in their order."""
    fields = ("machine", "verb", "digest", "nth", "shown")
    seconds = {tuple(record[field] for field in fields[:4]): record["seconds"] for record in records
               if "code" in record}
    sent = [Sent(**{field: record[field] for field in fields}) for record in records if "code" not in record]
    return [(each, seconds.get((each.machine, each.verb, each.digest, each.nth), 0.0))
            for machine in machines for each in sent if each.machine == machine]
