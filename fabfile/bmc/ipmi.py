"""IPMI 2.0 as ipmitool speaks it: what its answers say, and the words for what a BMC is told.

It knows no certificates: a BMC proves that it has the password, and shows to anybody who asks what the password can be
guessed by, away from it. So its network belongs to nobody else, and its password is long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from fabfile.bmc.board import BmcProblem, Board, Event, State
from fabfile.bmc.known import PATIENCE
from fabfile.bmc.redfish import USUAL
from fabfile.programs import shell

MARK = "coop-ipmi"
LONGEST_LOG = 60  # entries: one costs a round trip
DEVICES = {"network": ("pxe", "Pxe"), "disk": ("disk", "Hdd"), "setup": ("bios", "BiosSetup")}  # ipmitool's word, and Redfish's
_POWER = re.compile(r"^Chassis Power is (on|off)$", re.MULTILINE)
_FIRMWARE = re.compile(r"^Firmware Revision +: (\S+)$", re.MULTILINE)
_BOARD = re.compile(r"^ *(Product Manufacturer|Product Name|Product Serial) +: (.*\S)", re.MULTILINE)


@dataclass(frozen=True)
class ByIpmi:
    board: Board
    state: State

    def probe(self) -> str:
        return self._text(f"tool chassis power status\necho {MARK}; booting")

    def read(self, output: str) -> State:
        return parse(output)

    def power_off(self, patience: int = PATIENCE) -> str:
        return self._text(f"off {patience} 'chassis power soft' 'chassis power off'")

    def power_on(self) -> str:
        return self._text("on 'chassis power on'")

    def boot_next(self, target: str) -> str:
        if target == USUAL:
            return self._text("boot 'Disabled:*' '' 'chassis bootdev none'")
        word, kept = DEVICES[target]
        plain = f"chassis bootdev {word}"
        ways = [f"{plain} options=efiboot", plain] if self.board.firmware == "uefi" else [plain]
        return self._text(f"boot Once:{kept} '' {' '.join(map(quote, ways))}")

    def boots_from(self, target: str, state: State) -> bool:
        return state.boot == ("" if target == USUAL else f"Once:{DEVICES[target][1]}")

    def identify(self, lit: bool) -> str:
        return self._text(f"tell 'chassis identify {'force' if lit else 0}'")

    def console(self) -> str:
        return console(self.board)

    def log(self) -> LogByIpmi:
        return LogByIpmi(self.board)

    def _text(self, verb: str) -> str:
        return program(self.board) + "\n" + verb


class OneQuestion:
    """What ipmitool is asked all at once; there is no second question."""

    command: ClassVar[str]

    def __init__(self, board: Board):
        self._board, self._said, self._asked = board, "", False

    def question(self) -> str:
        if self._asked:
            return ""
        self._asked = True
        return f"{program(self._board)}\n{self.command}"

    def hear(self, output: str) -> None:
        self._said = output


class AskingByIpmi(OneQuestion):
    """What follows a login that was refused is not asked."""

    command = f"tool chassis power status && {{ echo {MARK}; booting; tool mc info; tool fru print 0; }} || :"

    def known(self) -> ByIpmi:
        return ByIpmi(self._board, parse(self._said))


class LogByIpmi(OneQuestion):
    """The system event log (SEL)."""

    command = f"tool sel list last {LONGEST_LOG} || echo {MARK} failed"

    def events(self) -> tuple[Event, ...]:
        return parse_log(self._said)


def program(board: Board, *more: str) -> str:
    return shell("ipmi", *(more or ("bmc",)), machine=board.machine, address=board.address, user=board.user,
                 suite=str(board.cipher_suite), password=board.password.reveal())


def console(board: Board) -> str:
    """How record.sh reads the console of a machine whose BMC speaks IPMI, whatever else it speaks."""
    return program(board, "ipmi_console")


def parse_log(output: str) -> tuple[Event, ...]:
    """"1 | 11/29/2026 | 01:06:40 | Power Supply #0x61 | Power Supply AC lost | Asserted". Raises BmcProblem."""
    lines = [line for line in output.strip().splitlines() if "PEN registry" not in line]
    if lines and lines[-1] == f"{MARK} failed":
        raise BmcProblem(_why_not(lines[-2] if len(lines) > 1 else "nothing was said"))
    rows = [[word.strip() for word in line.split("|")] for line in lines if line.count("|") >= 3]
    return tuple(Event(" ".join(row[1:3]), "", ", ".join(filter(None, row[3:]))) for row in rows)


def parse(output: str) -> State:
    """Power before the mark; what is set for the next start behind it; the rest where it was asked for."""
    first, _, rest = output.partition(f"{MARK}\n")
    power = _POWER.search(first)
    if power is None:
        said = [line for line in first.strip().splitlines() if "PEN registry" not in line]
        raise BmcProblem(_why_not(said[-1] if said else "nothing was said"))
    boot, _, rest = rest.partition("\n")
    kind, _, device = boot.partition(":")
    about = dict(_BOARD.findall(rest))
    firmware = _FIRMWARE.search(rest)
    serial = about.get("Product Serial", "")
    return State(power[1], boot if kind in ("Once", "Continuous") and device.isalpha() else "",
                 about.get("Product Manufacturer", ""), about.get("Product Name", ""), (serial,) if serial else (),
                 firmware=firmware[1] if firmware else "")


def _why_not(said: str) -> str:
    if "Unable to establish" in said or "RAKP" in said or "open session" in said:
        return ("no session by IPMI: it does not answer, or refuses the user, the password or the cipher suite, and is not asked again "
                f"({said})")
    if "Close Session" in said or "No response" in said:
        return f"it has stopped answering ({said})"
    return said
