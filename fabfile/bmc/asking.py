"""How a BMC is asked, by its protocol."""

from __future__ import annotations

from fabfile.bmc.board import Board
from fabfile.bmc.by_redfish import AskingByRedfish
from fabfile.bmc.ipmi import AskingByIpmi
from fabfile.bmc.known import Asking


def asking(board: Board) -> Asking:
    return AskingByIpmi(board) if board.protocol == "ipmi" else AskingByRedfish(board)
