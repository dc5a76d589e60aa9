"""A machine's serial console and event log, by its BMC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.chicks import a_chick
from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.bmc.known import Known
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack

SHOWN = 256 << 10  # bytes of what was written down


@task(help={
    "machine": "Name in hosts.yaml; it needs a BMC there.",
    "log": "Print what was written down of it, and ask no BMC.",
})
def console(c: Context, machine: str, log: bool = False) -> None:
    """Show a machine's serial console, by its BMC.

    What you type is typed there; Ctrl-] leaves it. rooster reads it with one
    reader, and writes it down; several people may look at it. During
    node.install it is read without anybody.
    """
    import sys

    from fabfile.bmc import console as reading
    from fabfile.facts.console import lines
    from fabfile.tasks.bmcs import boards_of, known
    from fabfile.tasks.leader import connected
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_chick(rack, machine)
    with connected(rack) as ways:
        if log:
            said = lines(asked_of(rack, rack.gateway, reading.tail(machine, SHOWN), ways=ways), ours=True)
            print("\n".join(said) if said else f"nothing was written down of the console of {machine}")
            return
        if not sys.stdin.isatty():
            raise Exit("a console wants a terminal; --log prints what was written down", code=2)
        found = known(rack, boards_of(rack, box), ways)
        if why := begin(rack, box, found, "", ways):
            raise Exit(f"the BMC of {machine} ({found.board.address}): {why}", code=1)
        print(f"the console of {machine}; Ctrl-] leaves it", flush=True)
        _on_terminal(rack, reading.view(machine), ways)


@task(help={"machine": "Name in hosts.yaml; it needs a BMC there.", "json": JSON})
def event_log(c: Context, machine: str, json: bool = False) -> None:
    """Show what a machine's hardware reported to its BMC.

    It is the BMC's event log (SEL), the newest entries last; times are by the
    BMC's own clock.
    """
    from fabfile.bmc.board import BmcProblem
    from fabfile.screen.bmcs import events_json, events_text
    from fabfile.tasks.bmcs import asked, boards_of, known
    from fabfile.tasks.leader import connected
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_chick(rack, machine)
    board = boards_of(rack, box)
    with connected(rack) as ways:
        log = known(rack, board, ways).log()
        try:
            while question := log.question():
                log.hear(asked(rack, {machine: question}, ways).get(machine, ""))
            events = log.events()
        except BmcProblem as problem:
            raise Exit(f"the BMC of {machine} ({board.address}): {problem}", code=1) from None
    print(events_json(events) if json else events_text(machine, events))


def begin(rack: Rack, box: Machine, found: Known, order: str, ways: SshWays | None = None) -> str:
    """Has rooster read a console; why it does not, or nothing."""
    from fabfile.bmc import console as reading
    from fabfile.bmc.board import BmcProblem
    from fabfile.engine.detached import apart
    from fabfile.resources.installation import BOOT
    from fabfile.tasks.queries import asked_of

    try:
        text = found.console()
    except BmcProblem as problem:
        return str(problem)
    background = apart(reading.unit(box.name), f"the console of {box.name}", "sh ./script")
    said = asked_of(rack, rack.gateway, reading.begin(box.name, text, f"{BOOT}/at/{box.address()}", order, background), ways=ways)
    return "" if said.split()[-1:] == ["read"] else f"its console is not read: {said.strip() or 'it did not begin'}"


def _on_terminal(rack: Rack, script: str, ways: SshWays) -> None:
    """Runs shell text on rooster, as root, with this terminal as its own."""
    from shlex import quote

    from fabfile.engine.terminal import attach
    from fabfile.engine.ways import is_this_computer

    root = "sh" if rack.operator.user == "root" else "sudo -n sh"
    command = f"exec {root} -c {quote(script)}"
    if is_this_computer(rack.gateway):
        import subprocess

        subprocess.run(["sh", "-c", command])
    else:
        attach(ways.link(rack.gateway), command)
