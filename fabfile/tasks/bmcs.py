"""BMCs as tasks ask them: on rooster, which alone reaches their network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.bmc.board import BmcProblem, Board
    from fabfile.bmc.known import Known
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack

LIMIT = 150.0  # seconds for one round of questions to all BMCs at once


def boards_of(rack: Rack, machine: Machine) -> Board:
    """The machine's BMC; the task ends with code 2 when the rack's files do not say enough to talk to it."""
    from fabfile.bmc.board import board, lacking
    from fabfile.rack import RackProblems

    if problems := list(lacking(rack, machine)):
        raise Exit(str(RackProblems(problems)), code=2)
    return board(rack, machine)


def known(rack: Rack, board: Board, ways: SshWays) -> Known:
    """A BMC, with what it says now; the task ends with code 1 when it cannot be asked, and with 2 when it is
    another machine's."""
    from fabfile.bmc.board import BmcProblem, OtherMachine

    found = compared(rack, [board], ways)[board.machine]
    if isinstance(found, OtherMachine):
        raise Exit(f"the BMC of {board.machine} ({board.address}): {found}. Nothing was changed", code=2)
    if isinstance(found, BmcProblem):
        raise Exit(f"the BMC of {board.machine} ({board.address}): {found}", code=1)
    return found


def compared(rack: Rack, boards: list[Board], ways: SshWays) -> dict[str, Known | BmcProblem]:
    """What some BMCs say now, for whoever has them do something next: one that is another machine's by its UUID or serial number is an
    OtherMachine."""
    from fabfile.bmc.board import BmcProblem, OtherMachine, other_machine

    found = look(rack, boards, ways)
    return {name: OtherMachine(wrong) if not isinstance(one, BmcProblem) and (wrong := other_machine(one.board, one.state)) else one
            for name, one in found.items()}


def look(rack: Rack, boards: list[Board], ways: SshWays) -> dict[str, Known | BmcProblem]:
    """What some BMCs say now, all asked at once; or why one does not say it. Whose they are is not looked at: `compared` does that."""
    from fabfile.bmc.asking import asking
    from fabfile.bmc.board import BmcProblem

    unfinished = {board.machine: asking(board) for board in boards}
    found: dict[str, Known | BmcProblem] = {}
    while unfinished:
        questions = {}
        for machine, one in [*unfinished.items()]:
            try:
                questions[machine] = one.question()
                if not questions[machine]:
                    del questions[machine], unfinished[machine]
                    found[machine] = one.known()
            except BmcProblem as problem:
                unfinished.pop(machine, None)
                found[machine] = problem
        for machine, said in asked(rack, questions, ways).items():
            unfinished[machine].hear(said)
    return found


def asked(rack: Rack, texts: Mapping[str, str], ways: SshWays) -> dict[str, str]:
    """What shell texts for rooster print, one for each machine, run at the same time."""
    from fabfile.bmc import several
    from fabfile.tasks.queries import asked_of

    return several.parse(asked_of(rack, rack.gateway, several.at_once(texts), LIMIT, ways)) if texts else {}
