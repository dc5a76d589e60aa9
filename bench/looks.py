"""`inv doctor` on a swarm, beside plain ssh: what one look costs, and what of that are the questions themselves.

    python -m bench.looks                     4, 12 and 100 machines, then 40 of them off: five minutes
    python -m bench.looks --sizes 4 --off 0 --rounds 1       seconds

Three tools in turn, as bench.peers has them: `ssh` runs nothing, `questions` runs by ssh what the doctor asks of each machine, and
`doctor` is `inv doctor`. A swarm has no Kubernetes: no runtime, API server, hub or published name answers, and none is in the figures.
The rules alone are timed on answers made of the cases of tests/cases/doctor, where each machine and the cluster answer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fabfile.engine.parallel import WIDTH
from lab.handle import Lab

from .cost import Cost, RunFailed, run
from .field import HERE, ROOSTER, Field
from .peers import a_swarm, conclude, keep, row_of
from .report import LOOK, LOOK_WITHOUT, Row
from .tools import Tool, through

OTHERWISE = ("machine_slow", "look_cut_short", "host_key_differs", "login_refused")  # rules: the look was not whole


class Ssh(Tool):
    """Plain ssh to each machine, rooster too: one process each, so many at once as Coop has."""

    name = "ssh"

    def command(self, field: Field, edition: int) -> list[str]:
        return through(field, [str(HERE / "floor"), str(field.ssh_config), self.script(field), str(WIDTH), ROOSTER, *field.chicks])

    def script(self, field: Field) -> str:
        """What each runs; `{}` is its name."""
        file = field.folder / "nothing.sh"
        file.write_text(":\n")
        return str(file)


class Questions(Ssh):
    """The doctor's own questions by plain ssh: what no way of asking can do without."""

    name = "questions"

    def script(self, field: Field) -> str:
        from fabfile.loading import load
        from fabfile.tasks.looking import question

        folder, rack = field.folder / "questions", load(field.rack)
        folder.mkdir(exist_ok=True)
        for name in (ROOSTER, *field.chicks):
            (folder / f"{name}.sh").write_text(question(rack, rack.machine(name)))
        return str(folder / "{}.sh")


class Doctor(Tool):
    """`inv doctor`, with its output as data."""

    name = "doctor"
    ends = (3,)  # a swarm has no cluster, which is found

    def command(self, field: Field, edition: int) -> list[str]:
        return [str(Path(sys.executable).with_name("inv")), "doctor", "--json"]

    def environment(self, field: Field) -> Mapping[str, str]:
        return {"COOP_RACK": str(field.rack), "XDG_STATE_HOME": str(field.folder / "state")}


def whole(field: Field, off: Sequence[str]) -> None:
    """The doctor's last look saw all machines but these. Raises RunFailed."""
    said = (field.folder / f"{Doctor.name}.log").read_text()
    found = [one for each in json.loads(said[said.index("{"):])["findings"] for one in (each, *each["follows"])]
    silent = {one["where"] for one in found if one["rule"] == "machine_unreachable"}
    others = [one["what"] for one in found if one["rule"] in OTHERWISE]
    if silent != set(off) or others:
        raise RunFailed(f"the look was not whole: unreachable are {', '.join(sorted(silent)) or 'none'}; {'; '.join(others)}")


def main() -> None:
    chosen = options()
    off = min(chosen.off, max(chosen.sizes) - 1)  # never the control plane
    with a_swarm(chosen.name, max(chosen.sizes)) as lab:
        load = os.getloadavg()
        rows = [row for size in chosen.sizes for row in on(lab, size, chosen.rounds)]
        rows += without(lab, max(chosen.sizes), off, chosen.rounds) if off else []
    conclude(rows, load, chosen.json or keep("looks"), rules_table(chosen.sizes, off))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.looks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="bench", help="the swarm's; one that is up is used, and stays")
    parser.add_argument("--sizes", default=[4, 12, 100], type=int, nargs="+", metavar="N", help="machines behind rooster")
    parser.add_argument("--off", default=40, type=int, metavar="N", help="of the most: without power in one more look; 0: none")
    parser.add_argument("--rounds", default=2, type=int, help="timed, after one in which the cable is read")
    parser.add_argument("--json", type=Path, help="where the figures are kept")
    return parser.parse_args()


def on(lab: Lab, size: int, rounds: int) -> list[Row]:
    """The tools in turn, so that what disturbs one disturbs all."""
    field = Field(lab, lab.places.folder / "bench", size)
    field.write()
    tools = (Ssh(), Questions(), Doctor())
    costs: dict[Tool, list[Cost]] = {tool: [] for tool in tools}
    for number in range(rounds + 1):
        for tool in tools:
            costs[tool].append(run(field, tool, 1, count=number == 0))
        whole(field, ())
    return [row_of(field, LOOK, tool, each) for tool, each in costs.items()]


def without(lab: Lab, size: int, off: int, rounds: int) -> list[Row]:
    """The doctor alone, while the last of the machines have no power."""
    field = Field(lab, lab.places.folder / "bench", size)
    field.write()
    gone, tool = list(field.chicks)[-off:], Doctor()
    for name in gone:
        lab.off(name)
    try:
        costs = []
        for _ in range(rounds):
            costs.append(run(field, tool, 1))
            whole(field, gone)
    finally:
        for name in gone:
            lab.ask(do="on", machine=name)
        lab.wait(gone, 300.0)
    return [row_of(field, LOOK_WITHOUT, tool, costs)]


def rules_table(sizes: Sequence[int], off: int) -> Iterator[str]:
    """What reading the answers, the rules and the output take, by number of machines."""
    from fabfile.rules.examine import examine
    from fabfile.screen.findings import as_text
    from tests.unit.many import answers_of

    yield from ("### The rules alone\n", "| machines | off | findings | CPU-seconds |", "|---:|---:|---:|---:|")
    for size, gone in (*((size, 0) for size in sizes), *[(max(sizes), off)] * bool(off)):
        read = answers_of(size, gone)
        began = time.process_time()
        found = examine(read())
        as_text(found)
        count = sum(1 + len(one.follows) for one in found)
        yield f"| {size} | {gone} | {count} | {time.process_time() - began:.3f} |"
    yield ""


if __name__ == "__main__":
    try:
        main()
    except RunFailed as error:
        sys.exit(str(error))
