"""What running machines are made of: asked of all at once, compared with hosts.yaml, and recorded there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.facts.drift import Difference
    from fabfile.facts.inventory import Inventory
    from fabfile.rack import Machine, Rack
    from fabfile.screen.scan import Scan


def scanned(rack: Rack, machines: Iterable[Machine], write: bool) -> Scan:
    """The machines that can be reached; the others' lines stay. With `write` hosts.yaml has it afterwards. Raises
    RackProblems when it has become wrong meanwhile."""
    from fabfile.engine.errors import ProbeFailed
    from fabfile.facts.drift import findings
    from fabfile.facts.inventory import parse, question
    from fabfile.loading import load
    from fabfile.loading.draft import HOSTS
    from fabfile.rack.editing import edited
    from fabfile.screen.scan import Scan, diff
    from fabfile.secret import mask
    from fabfile.tasks.local_files import rewrite
    from fabfile.tasks.queries import ask

    machines = list(machines)
    answers, errors = ask(rack, {machine.name: question() for machine in machines if not machine.expected_off})
    parsed = {name: parse(mask(answer)) for name, answer in answers.items()}
    seen = {name: one for name, one in parsed.items() if one is not None}
    errors |= {name: ProbeFailed(name, "its answer is not whole", tail=answers[name].splitlines()[-3:], hint=f"inv rack.scan {name}")
               for name in parsed if name not in seen}
    differences = _compared(rack, seen)
    before, after = rewrite(rack.folder / HOSTS, dry=not write,  # somebody may have edited it in the meantime
                            change=lambda text: edited(text, _changes(_compared(load(rack.folder), seen))))
    if write:
        rack = load(rack.folder)
    found = [one for name, some in _compared(rack, seen).items() for one in findings(rack.machine(name), seen[name], some)]
    return Scan(seen, differences, found, errors, [one.name for one in machines if one.expected_off],
                write and before != after, diff(before, after, HOSTS))


def _compared(rack: Rack, seen: Mapping[str, Inventory]) -> dict[str, list[Difference]]:
    from fabfile.facts.drift import compare

    return {name: compare(rack.machines[name], one) for name, one in seen.items() if name in rack.machines}


def _changes(differences: Mapping[str, list[Difference]]) -> dict[tuple[str, ...], object]:
    from fabfile.facts.drift import changes

    return {path: value for name, some in differences.items() for path, value in changes(name, some).items()}
