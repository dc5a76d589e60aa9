"""The console of a machine that is being installed: read from its start, asked when it is silent, and for its host key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.bmc.known import Known
    from fabfile.engine.ways import SshWays
    from fabfile.facts.netboot import Ordered
    from fabfile.rack import Machine, Rack

SHOWN = 16 << 10  # bytes of its end that are looked at


def record(rack: Rack, box: Machine, found: Known | None, order: str) -> None:
    """Has the console be read for an order; says so where it is not. `found` is the machine's BMC, where it has one that answers."""
    from fabfile.tasks.consoles import begin

    assert rack.install is not None
    if found is None:
        return
    why = begin(rack, box, found, order) if rack.install.console else \
        "configs/install.yaml has no `console`, so its installer speaks at the screen alone"
    if why:
        print(f"The console of {box.name} is not read: {why}", flush=True)


def unread(rack: Rack, box: Machine, order: str, ways: SshWays) -> bool:
    """Whether the console of a machine with an open order could be read, and is not."""
    from fabfile.bmc.console import asked_whether_read
    from fabfile.tasks.queries import asked_of

    if box.bmc is None or not box.bmc.reads_console or rack.install is None or not rack.install.console:
        return False
    return "read" not in asked_of(rack, rack.gateway, asked_whether_read(box.name, order), ways=ways).split()


def said_last(rack: Rack, box: Machine, ways: SshWays) -> str:
    """The end of what its console said; empty where it is not read."""
    from fabfile.bmc.console import tail
    from fabfile.tasks.queries import asked_of

    if box.bmc is None or not box.bmc.reads_console:
        return ""
    return asked_of(rack, rack.gateway, tail(box.name, SHOWN), ways=ways)


def confirm(rack: Rack, box: Machine, order: Ordered, reported: str) -> None:
    """Ends the task with code 1 unless the console said the very host key that was reported over the network. Where the console
    was not read, it says what that means."""
    from fabfile.bmc import console as reading
    from fabfile.facts.console import keys
    from fabfile.tasks.queries import asked_of

    said = keys(asked_of(rack, rack.gateway, reading.keys(box.name, order.id)), order.id)
    if said is None:
        print(f"        its console was not read: that its host key is {shown(reported)} was reported by the rack's network alone. "
              "Its screen says so behind COOP HOSTKEY", flush=True)
        return
    if said == {reported}:
        print(f"        its console says its host key, {shown(reported)}, and so did its report over the network", flush=True)
        return
    how = f"said {' and '.join(sorted(map(shown, said)))}" if said else \
        "said none (does its BMC read the port that `console` in configs/install.yaml names?)"
    raise Exit(f"{box.name}'s installer reported the host key {shown(reported)} over the network, and its console {how}. Neither is "
               f"taken, and nothing was said to it by SSH. inv node.console {box.name} --log shows what its console said; once you know "
               f"which key it has: inv rack.trust {box.name}, then inv node.add {box.name}", code=1)


def end(rack: Rack, box: Machine) -> None:
    """The console is not read for an order any more."""
    from fabfile.bmc import console as reading
    from fabfile.tasks.queries import asked_of

    if box.bmc is not None and box.bmc.reads_console:
        asked_of(rack, rack.gateway, reading.end(box.name))


def shown(key: str) -> str:
    """Its fingerprint; what is no host key as it is, shortened."""
    from fabfile.rack.ssh import fingerprint

    try:
        return fingerprint(key)
    except (ValueError, IndexError):
        return repr(key[:80]) if key else "none"
