"""BMCs as tasks ask them: on rooster, which alone reaches their network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from invoke import Exit

if TYPE_CHECKING:
    from fabfile.bmc.board import BmcProblem, Board
    from fabfile.bmc.known import Known
    from fabfile.bmc.redfish import Answers
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


def known(rack: Rack, machine: Machine, ways: SshWays) -> Known:
    """The machine's BMC, with what it says now; the task ends with code 1 when it cannot be asked, and with 2 when it is
    another machine's."""
    from fabfile.bmc.board import BmcProblem, other_machine

    board = boards_of(rack, machine)
    found = look(rack, [board], ways)[machine.name]
    if isinstance(found, BmcProblem):
        raise Exit(f"the BMC of {machine.name} ({board.address}): {found}", code=1)
    if wrong := other_machine(board, found.state):
        raise Exit(f"the BMC of {machine.name} ({board.address}): {wrong}. Nothing was changed", code=2)
    return found


def look(rack: Rack, boards: list[Board], ways: SshWays) -> dict[str, Known | BmcProblem]:
    """What some BMCs say now, all asked at once; or why one does not say it."""
    from fabfile.bmc import curl, redfish
    from fabfile.bmc.board import BmcProblem
    from fabfile.bmc.known import Known

    answers: dict[str, Answers] = {board.machine: {} for board in boards}
    found: dict[str, Known | BmcProblem] = {}
    for _ in range(redfish.ROUNDS):
        questions = {}
        for board in boards:
            try:
                paths = () if board.machine in found else redfish.to_read(answers[board.machine])
            except BmcProblem as problem:
                found[board.machine], paths = problem, ()
            if paths:
                questions[board.machine] = curl.reading(board, paths)
        if not questions:
            break
        for machine, said in asked(rack, questions, ways).items():
            answers[machine] = {**answers[machine], **curl.parse(said)}
    for board in boards:
        try:
            found.setdefault(board.machine, Known(board, redfish.state(answers[board.machine]), answers[board.machine]))
        except BmcProblem as problem:
            found.setdefault(board.machine, problem)
    return found


def asked(rack: Rack, texts: Mapping[str, str], ways: SshWays) -> dict[str, str]:
    """What shell texts for rooster print, one for each machine, run at the same time."""
    from fabfile.bmc import several
    from fabfile.tasks.queries import asked_of

    return several.parse(asked_of(rack, rack.gateway, several.at_once(texts), LIMIT, ways)) if texts else {}
