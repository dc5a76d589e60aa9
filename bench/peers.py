"""Coop compared with other tools, in turn, on one swarm.

    python -m bench.peers                     all: ten minutes
    python -m bench.peers --sizes 12 --ways jump --delays 0 --rounds 1 --kinds no-op       seconds

Brings a swarm up (named "bench" by default) and ends it. Prints Markdown, and keeps the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import product
from pathlib import Path
from typing import NoReturn

from lab import lifecycle, swarm
from lab.handle import Lab
from lab.places import Places
from lab.screen import plain

from . import report
from .cost import Cost, RunFailed, run
from .field import Field
from .report import Row
from .tools import TOOLS, Coop, Tool

KINDS = ("fresh", "no-op", "changed")
SLOW = 15.0  # seconds; what takes longer is measured once


def main() -> None:
    chosen = options()
    wanted = [*chosen.tools.lower().split(","), *["ansible"] * chosen.with_ansible]
    tools = [tool for tool in TOOLS if tool.name.lower() in wanted]
    for tool in tools:
        tool.prepare()
    with a_swarm(chosen.name, max(chosen.sizes), python=chosen.with_ansible) as lab:
        load = os.getloadavg()
        rows = list(measured(lab, chosen, tools))
    conclude(rows, load, chosen.json or keep("peers"))


def options() -> argparse.Namespace:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m bench.peers", description=__doc__, formatter_class=form)
    numbers = {"type": int, "nargs": "+", "metavar": "N"}
    parser.add_argument("--name", default="bench", help="the swarm's; one that is up is used, and stays")
    parser.add_argument("--sizes", default=[12, 48], **numbers, help="machines")
    parser.add_argument("--ways", default=["jump", "direct"], nargs="+", choices=["jump", "direct"],
                        help="through rooster from home, or standing on rooster")
    parser.add_argument("--delays", default=[0, 50], **numbers, help="milliseconds there and back, by jump")
    parser.add_argument("--kinds", default=list(KINDS), nargs="+", choices=KINDS)
    parser.add_argument("--fresh-everywhere", action="store_true", help="not only by jump without delay")
    parser.add_argument("--rounds", default=2, type=int, help=f"timed; none more after {SLOW:.0f} s")
    parser.add_argument("--tools", default="floor,Coop,pyinfra", help="comma-separated")
    parser.add_argument("--with-ansible", action="store_true", help="Ansible too, and Python on machines")
    parser.add_argument("--json", type=Path, help="where the figures are kept")
    return parser.parse_args()


def measured(lab: Lab, chosen: argparse.Namespace, tools: Sequence[Tool]) -> Iterator[Row]:
    """Every run that was asked for."""
    for size in chosen.sizes:
        for way, delay in product(chosen.ways, chosen.delays):
            if way == "direct" and delay:
                continue  # who stands on rooster has no slow line before the chicks
            field = Field(lab, lab.places.folder / "bench", size, way, delay)
            field.write()
            usual = way == "jump" and not delay
            kinds = [kind for kind in chosen.kinds if kind != "fresh" or usual or chosen.fresh_everywhere]
            yield from on(field, tools, kinds, chosen.rounds)


def on(field: Field, tools: Sequence[Tool], kinds: Sequence[str], rounds: int) -> Iterator[Row]:
    """One field's rows. All tools in turn, again and again, so that what disturbs one disturbs all."""
    edition = 1

    if "fresh" in kinds:
        for tool in tools:
            field.lab.reset(list(field.chicks), limit=300.0)
            yield row_of(field, "fresh", tool, [run(field, tool, edition, count=True)])
            prove(field, edition)
    else:
        run(field, tools[0], edition)
    for kind in (kind for kind in kinds if kind != "fresh"):
        costs: dict[Tool, list[Cost]] = {tool: [] for tool in tools}
        for number in range(rounds + 1):
            for tool in tools:
                if number and costs[tool][0].wall > SLOW:
                    continue
                edition += kind == "changed"
                costs[tool].append(run(field, tool, edition, count=number == 0))
        prove(field, edition)
        yield from (row_of(field, kind, tool, costs[tool]) for tool in tools)


def row_of(field: Field, kind: str, tool: Tool, costs: Sequence[Cost]) -> Row:
    """What a tool's runs came to, which is told."""
    cpu = ", ".join(f"{cost.cpu:.2f}" for cost in costs)
    print(f"{field.title}, {kind}, {tool.name}: {cpu} s of CPU", flush=True)
    return Row(field.size, field.way, field.delay, kind, tool.name, tuple(costs))


def prove(field: Field, edition: int) -> None:
    """Whatever tool ran last: Coop finds nothing that differs. Raises RunFailed."""

    class Look(Coop):
        name = "Coop's look afterwards"

        def command(self, field: Field, edition: int) -> list[str]:
            return [*super().command(field, edition), "--dry"]

    run(field, Look(), edition)


@contextmanager
def a_swarm(name: str, size: int, python: bool = False) -> Iterator[Lab]:
    """One of at least so many machines; where it was up already, it stays."""
    places = Places.named(name)
    was_up = Lab(places).is_up()
    lab = swarm.up(places, size, plain, python=python)
    try:
        yield lab
    finally:
        if not was_up:
            lifecycle.down(places)


def conclude(rows: Sequence[Row], load: Sequence[float], file: Path, more: Iterable[str] = ()) -> NoReturn:
    """Prints and keeps the figures, and ends with 3 where a goal was missed."""
    goals = list(report.goals(rows))
    print("\n".join(["", circumstances(load), "", *report.tables(rows), *more, *map(str, goals)]))
    figures = {"at": time.time(), "circumstances": circumstances(load), "rows": report.as_data(rows)}
    file.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"kept: {file}")
    sys.exit(0 if all(goal.reached for goal in goals) else 3)


def circumstances(load: Sequence[float]) -> str:
    """When, on what, and beside how much else."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = os.uname().release.partition("-")[0]
    return (f"{date.today()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}, "
            f"Python {sys.version.split()[0]}, load before it {load[0]:.1f}")


def keep(kind: str) -> Path:
    """The file for these figures, in the user's state."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "coop/bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json"


if __name__ == "__main__":
    try:
        main()
    except RunFailed as error:
        sys.exit(str(error))
