"""What the environment in RAM does for one machine that is off: a rescue, disks that are emptied, hours of work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.chicks import a_present_chick
from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.facts.netboot import Ordered
    from fabfile.rack import Machine, Rack

DRY = "Dry run: show what would be done, and always exit 3."
MACHINE = "Name in hosts.yaml; it is off, or has a BMC that starts it."
MOST_HOURS = 24 * 14


@task(help={"machine": MACHINE, "write": "Every disk may be written by whoever logs in.", "dry": DRY})
def rescue(c: Context, machine: str, write: bool = False, dry: bool = False) -> None:
    """Boot a machine into RAM, and show how to log in.

    Its disks are read-only, unless --write; that asks for the machine's name.
    It runs until it is switched off or restarted; then it boots its disk.
    """
    from fabfile.tasks.ordering import carried_out, ordered
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_present_chick(rack, machine)
    if write and not (box.hardware.uuid or box.hardware.serial):
        raise Exit(f"neither UUID nor serial number of {machine} is on file, so no disk of it may be written: "
                   f"inv rack.scan {machine} --netboot first", code=2)
    order = carried_out(rack, box, ordered(box, "rescue-write" if write else "rescue"), dry=dry)
    _tell_the_way(rack, box, order)


@task(help={"machine": MACHINE, "disks": "Those to empty (/dev/disk/by-id/…,…), as in its hardware.", "dry": DRY})
def wipe(c: Context, machine: str, disks: str, dry: bool = False) -> None:
    """Empty disks of a machine, and verify that they are.

    The machine shows what lies on them; then you are asked for its name. By the
    disk's own command where it has one, else zeros; then read at 1,000 places.
    """
    from fabfile.resources.installation import disks_of
    from fabfile.tasks.ordering import carried_out, ordered
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    box = a_present_chick(rack, machine)
    named = disks_of(disks)
    known = box.hardware
    if not named or (others := [one for one in named if one not in known.disks]):
        raise Exit(f"--disks: {', '.join(others) if named else 'no disk'} is not on file; {machine} has "
                   f"{', '.join(known.disks) or 'none in hosts.yaml: inv rack.scan ' + machine + ' --netboot'}", code=2)
    if not (known.uuid or known.serial):
        raise Exit(f"neither UUID nor serial number of {machine} is on file: inv rack.scan {machine} --netboot first", code=2)
    order = carried_out(rack, box, ordered(box, "wipe", named), dry=dry, agreed=lambda shown: _agree(rack, box, shown))
    word = order.word("finished")
    print(f"{machine}:\n" + "\n".join(f"  {line}" for line in (word.text.splitlines() if word else ())))


@task(help={"machine": MACHINE, "hours": "How long (default: 12).", "dry": DRY})
def burn_in(c: Context, machine: str, hours: int = 12, dry: bool = False) -> None:
    """Put a machine to work for hours, and report.

    Processors (stress-ng), memory (memtester) and disks (fio, which only reads)
    at once; SMART before and after. Exits with 1 if anything failed. A result that
    nobody has seen yet is shown, and nothing is begun.
    """
    from fabfile.engine.lock import PATIENCE
    from fabfile.facts.burn_in import verdicts
    from fabfile.facts.netboot import long_word
    from fabfile.roles.arming import shown
    from fabfile.tasks.actions import act
    from fabfile.tasks.ordering import carried_out, ordered
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    if hours > MOST_HOURS:
        raise Exit(f"--hours {hours}: at most {MOST_HOURS}", code=2)
    rack = the_rack()
    box = a_present_chick(rack, machine)
    order = carried_out(rack, box, ordered(box, "burn-in", seconds=hours * 3600), dry=dry)
    before, after = (asked_of(rack, rack.gateway, long_word(str(box.address()), order.id, f"smart-{when}")) for when in ("before", "after"))
    word = order.word("finished")
    found = verdicts(word.text if word else "", before, after)
    for one in found:
        print(f"  {'passed' if one.passed else 'failed'}  {one.words}", flush=True)
    act(rack, rack.gateway, f"note that the result of order {order.id} was shown", shown(box, order.id), patience=PATIENCE)
    if not found or not all(one.passed for one in found):
        raise Exit(code=1)


def _tell_the_way(rack: Rack, box: Machine, order: Ordered) -> None:
    """How to log in, by the key that was reported: it is in a file of its own, not in hosts.yaml, since it is gone with the next start."""
    from fabfile.rack import ssh
    from fabfile.tasks.local_files import write

    word = order.word("hostkey")
    if word is None:
        raise Exit(f"{box.name} reported no host key: see its screen", code=1)
    folder = rack.state_folder
    folder.mkdir(parents=True, exist_ok=True)
    keys, config = folder / f"rescue-{box.name}.known_hosts", folder / f"rescue-{box.name}.ssh_config"
    write(keys, f"{ssh.known_hosts(rack, without=box)}{box.name} {word.text.strip()}\n", 0o644)
    write(config, ssh.ssh_config(rack, keys, inside=_inside(rack)), 0o644)
    print(f"\nIts host key until it is switched off: {ssh.fingerprint(word.text.strip())}\n"
          f"  ssh -F {config}{' -p 22' if box.ssh_port != 22 else ''} root@{box.name}\n"
          f"  inv node.power {box.name} off    when you are done")


def _inside(rack: Rack) -> bool:
    from fabfile.engine.ways import is_this_computer

    return is_this_computer(rack.gateway)


def _agree(rack: Rack, box: Machine, order: Ordered) -> None:
    """Asks for the machine's name, once it has shown what lies on its disks; the task ends with code 1 without it."""
    from fabfile.engine.lock import PATIENCE
    from fabfile.roles.arming import agree, withdraw
    from fabfile.screen.consent import typed_in
    from fabfile.screen.installing import disks_text
    from fabfile.tasks.actions import act

    report = order.word("machine")
    assert report is not None  # this was called because of it
    print(f"\n{box.name} has these disks, and holds on them:\n{disks_text(report.text)}\n\nAll of it is lost on {', '.join(order.disks)}. ",
          end="", flush=True)
    if not typed_in(box.name, "to have it emptied", sys.stdin, sys.stdout):
        act(rack, rack.gateway, f"disarm {box.name}", withdraw(box), patience=PATIENCE)
        raise Exit("nothing was written", code=1)
    act(rack, rack.gateway, f"agree to order {order.id}", agree(box, order.id, report.text), patience=PATIENCE)
