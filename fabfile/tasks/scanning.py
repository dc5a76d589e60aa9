"""What machines are made of: asked of all that run at once, or of one in RAM; compared with hosts.yaml, and recorded there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.errors import MachineError
    from fabfile.facts.drift import Difference
    from fabfile.facts.inventory import Inventory
    from fabfile.rack import Machine, Rack
    from fabfile.screen.scan import Scan


@task(may="machines", help={
    "machines": "Names in hosts.yaml (comma-separated); without it, all.",
    "netboot": "It is off: boot it into RAM, look, and switch it off again.",
    "check": "Write nothing; exit 1 if something is lost or was swapped.",
    "dry": "Dry run: show the lines that would change, and exit 3.",
    "json": JSON,
})
def scan(c: Context, machines: str | None = None, netboot: bool = False, check: bool = False, dry: bool = False,
         json: bool = False) -> None:
    """Record the hardware of machines in hosts.yaml.

    Running machines are asked over SSH. With --netboot one that is off is
    started by its BMC, or by you, and writes to no disk.
    """
    from fabfile.finding import healthy
    from fabfile.screen import scan as screen
    from fabfile.tasks.chicks import a_present_chick
    from fabfile.tasks.rack import exit_on_error, the_rack

    if check and dry:
        raise Exit("--check compares, --dry shows what would be written: leave one of them out", code=2)
    rack = the_rack()
    with exit_on_error():
        boxes = [rack.machine(name.strip()) for name in (machines or "").split(",") if name.strip()]
        if netboot and len(boxes) != 1:
            raise Exit("--netboot starts one machine, named before it: inv rack.scan chick1 --netboot", code=2)
        write = not check and not dry
        result = netbooted(rack, a_present_chick(rack, boxes[0].name), write) if netboot else \
            scanned(rack, boxes or [*rack.machines.values()], write)
    print(screen.as_json(result) if json else screen.as_text(result, compares=check, dry=dry))
    if dry and result.diff and not result.errors:
        raise Exit(code=3)
    if result.errors or not healthy(result.findings):
        raise Exit(code=1)


def scanned(rack: Rack, machines: Iterable[Machine], write: bool) -> Scan:
    """The machines that can be reached; the others' lines stay. With `write` hosts.yaml has it afterwards. Raises
    RackProblems when it has become wrong meanwhile."""
    from fabfile.facts.inventory import question
    from fabfile.tasks.queries import ask

    machines = list(machines)
    answers, errors = ask(rack, {machine.name: question() for machine in machines if not machine.expected_off})
    return _recorded(rack, answers, errors, [one.name for one in machines if one.expected_off], write)


def netbooted(rack: Rack, machine: Machine, write: bool) -> Scan:
    """A machine that is off, which the environment in RAM looks at, and switches off again; else the same."""
    from fabfile.facts.netboot import long_word
    from fabfile.tasks.ordering import carried_out, ordered
    from fabfile.tasks.queries import asked_of

    order = carried_out(rack, machine, ordered(machine, "look"))
    report = asked_of(rack, rack.gateway, long_word(str(machine.address()), order.id, "hardware"))
    return _recorded(rack, {machine.name: report}, {}, [], write)


def _recorded(rack: Rack, answers: Mapping[str, str], errors: Mapping[str, MachineError], off: list[str], write: bool) -> Scan:
    from fabfile.engine.errors import ProbeFailed
    from fabfile.facts.drift import findings
    from fabfile.facts.inventory import parse
    from fabfile.loading import load
    from fabfile.rack.editing import edited
    from fabfile.rack.files import HOSTS
    from fabfile.screen.scan import Scan, diff
    from fabfile.secret import mask
    from fabfile.tasks.local_files import rewrite

    parsed = {name: parse(mask(answer)) for name, answer in answers.items()}
    seen = {name: one for name, one in parsed.items() if one is not None}
    errors = {**errors, **{name: ProbeFailed(name, "its answer is not whole", tail=answers[name].splitlines()[-3:],
                                             hint=f"inv rack.scan {name}") for name in parsed if name not in seen}}
    differences = _compared(rack, seen)
    before, after = rewrite(rack.folder / HOSTS, dry=not write,  # somebody may have edited it in the meantime
                            change=lambda text: edited(text, _changes(_compared(load(rack.folder), seen))))
    if write:
        rack = load(rack.folder)
    found = [one for name, some in _compared(rack, seen).items() for one in findings(rack.machine(name), seen[name], some)]
    return Scan(seen, differences, found, errors, off, write and before != after, diff(before, after, HOSTS))


def _compared(rack: Rack, seen: Mapping[str, Inventory]) -> dict[str, list[Difference]]:
    from fabfile.facts.drift import compare

    return {name: compare(rack.machines[name], one) for name, one in seen.items() if name in rack.machines}


def _changes(differences: Mapping[str, list[Difference]]) -> dict[tuple[str, ...], object]:
    from fabfile.facts.drift import changes

    return {path: value for name, some in differences.items() for path, value in changes(name, some).items()}
