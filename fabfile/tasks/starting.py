"""How an armed machine is started: by its BMC, from the network once; or by whoever stands at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.bmc.known import Known
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack


@dataclass(frozen=True)
class Starter:
    """`known` is the BMC that does it; None: a person does, and `why_not` says why the BMC of hosts.yaml cannot."""

    known: Known | None = None
    why_not: str = ""

    @property
    def interrupts(self) -> bool:
        """Whether the machine is on: it has to go off first."""
        return self.known is not None and not self.known.state.off

    @property
    def proves_off(self) -> bool:
        """Whether its BMC says that it is off, and is known to be its own."""
        from fabfile.bmc.board import doubt

        return self.known is not None and self.known.state.off and not doubt(self.known.board, self.known.state)

    @property
    def words(self) -> str:
        """For a plan; empty where the rack's files name no BMC that may be talked to."""
        from fabfile.bmc.board import doubt

        if self.known is None:
            return f"switch it on yourself: {self.why_not}" if self.why_not else ""
        first = f"it is {self.known.state.power}: its BMC switches it off, " if self.interrupts else "it is off: its BMC "
        unsure = doubt(self.known.board, self.known.state)
        return f"{first}boots it from the network once, and switches it on{'; ' if unsure else ''}{unsure}"


def starter(rack: Rack, box: Machine, ways: SshWays) -> Starter:
    """Asks the machine's BMC, if it has one; the task ends with code 2 when that is another machine's."""
    from fabfile.bmc.board import BmcProblem, OtherMachine, board, lacking
    from fabfile.tasks.bmcs import compared

    if box.bmc is None or box.bmc.protocol is None:
        return Starter()
    if problems := [*lacking(rack, box)]:
        return Starter(why_not=str(problems[0]))
    one = board(rack, box)
    found = compared(rack, [one], ways)[box.name]
    if isinstance(found, OtherMachine):
        raise Exit(f"the BMC of {box.name} ({one.address}): {found}\nnothing was armed", code=2)
    if isinstance(found, BmcProblem):
        return Starter(why_not=f"the BMC of {box.name} ({one.address}): {found}")
    return Starter(found)


def boot_as_usual(rack: Rack, box: Machine) -> None:
    """Tells a BMC that still boots its machine from elsewhere, although it was told to do so once, that it was enough."""
    from fabfile.bmc.board import BmcProblem, board, lacking
    from fabfile.engine.lock import PATIENCE
    from fabfile.resources.bmc import BootsNext
    from fabfile.tasks.bmc_changes import change
    from fabfile.tasks.bmcs import compared
    from fabfile.tasks.leader import connected

    if box.bmc is None or box.bmc.protocol is None or [*lacking(rack, box)]:
        return
    with connected(rack) as ways:
        found = compared(rack, [board(rack, box)], ways)[box.name]
    if isinstance(found, BmcProblem) or not found.state.boot:
        return
    print(f"        its BMC boots it by {found.state.boot} again, although it was told to do so once", flush=True)
    change(rack, f"boot {box.name} as usual", BootsNext(found, "usual"), patience=PATIENCE)


def start(rack: Rack, box: Machine, by: Starter, order: str) -> None:
    """Has the BMC start it, after somebody agreed that it goes off if it is on; or says who does. Its console is read from then
    on."""
    from fabfile.engine.lock import PATIENCE
    from fabfile.resources.bmc import Started
    from fabfile.tasks.bmc_changes import change
    from fabfile.tasks.recording import record

    record(rack, box, by.known, order)
    if (known := by.known) is not None:
        unexpected = "" if by.interrupts else f"{box.name} was off when this was agreed to, and is on now: it goes off"
        try:
            change(rack, f"start {box.name}", Started(known, "network", interrupts=unexpected), patience=PATIENCE)
            return
        except Exit:
            print(f"{box.name} is armed all the same.", end=" ")
    print(f"Switch {box.name} on now, with the network first in its boot order, or for this one start.", flush=True)
