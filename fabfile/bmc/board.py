"""A BMC that may be talked to, and what was learned from it: values of any protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fabfile.rack import Machine, Problem, Rack
from fabfile.rack.bmc import password_of
from fabfile.rack.files import HOSTS, SECRETS
from fabfile.rack.hardware import UUID
from fabfile.secret import Secret

LONGEST_BY_IPMI = 20


@dataclass(frozen=True)
class Board:
    """Everything that is needed to talk to one machine's BMC."""

    machine: str
    address: str
    user: str
    password: Secret
    public_key: str = ""  # of Redfish's certificate
    protocol: str = "redfish"
    cipher_suite: int = 17  # of IPMI
    serial: str = ""  # of the machine, as hosts.yaml has it; empty: it has none
    uuid: str = ""
    firmware: str = ""  # "bios" or "uefi"; empty: hosts.yaml does not say
    console: str = ""  # how its serial console is read: "ipmi" or "ssh"
    console_key: str = ""  # of the BMC's SSH server


@dataclass(frozen=True)
class State:
    """What a BMC said of itself and of its machine. Empty texts: it did not say."""

    power: str  # "on", "off", or the BMC's own word in between
    boot: str = ""  # how the next start differs from usual, in the BMC's own words: "Once:Pxe"
    vendor: str = ""
    model: str = ""
    serials: tuple[str, ...] = ()  # of the machine: its own, and what its maker calls it
    uuid: str = ""
    firmware: str = ""  # the BMC's own
    health: str = ""  # "OK", or what it says instead

    @property
    def off(self) -> bool:
        return self.power == "off"


@dataclass(frozen=True)
class Event:
    """One entry of a BMC's event log. Empty texts: it did not say."""

    time: str  # by its own clock
    severity: str
    message: str


class BmcProblem(Exception):
    """Why a BMC cannot be talked to, in one sentence; it was told nothing, or nothing that changes anything."""


class OtherMachine(BmcProblem):
    """It answers, and is not the BMC of the machine that hosts.yaml names it for."""


def lacking(rack: Rack, machine: Machine) -> Iterator[Problem]:
    """What the rack's files have to say before a BMC can be talked to."""
    bmc, at = machine.bmc, ("machines", machine.name, "bmc")
    if bmc is None or bmc.protocol is None:
        yield rack.problem(HOSTS, at, f"{machine.name} has no BMC that may be talked to",
                           "bmc: {address: …, protocol: redfish, user: …, public_key: …}; docs/install.md")
        return
    if bmc.public_key is None and bmc.protocol == "redfish":
        yield rack.problem(HOSTS, (*at, "public_key"), "is missing: nothing is said to a BMC whose key is not known",
                           "`inv rack.bmc` shows its key")
    password = password_of(rack.secrets, machine.name)
    if bmc.console == "ssh" and bmc.console_key is None:
        yield rack.problem(HOSTS, (*at, "console_key"), "is missing: no password is said to an SSH server whose key is not known",
                           f"as `ssh-keyscan -t ed25519 {bmc.address}` shows it on {rack.gateway.name}; compare it on the BMC's own pages")
    if password and "ipmi" in (bmc.protocol, bmc.console) and len(password.reveal().encode()) > LONGEST_BY_IPMI:
        yield Problem(SECRETS, 0, "bmc", f"the password of {machine.name}'s BMC is longer than IPMI's {LONGEST_BY_IPMI} bytes")
    if password is None:
        yield Problem(SECRETS, 0, "bmc", f"there is no password of {machine.name}'s BMC", "bmc: {password: …}")


def board(rack: Rack, machine: Machine) -> Board:
    """The BMC of a machine for which nothing is lacking."""
    bmc, password, known = machine.bmc, password_of(rack.secrets, machine.name), machine.hardware
    assert bmc is not None and bmc.user and bmc.protocol and password
    return Board(machine.name, str(bmc.address), bmc.user, password, bmc.public_key or "", bmc.protocol, bmc.cipher_suite or 17,
                 known.serial or "", known.uuid or "", known.firmware or "", bmc.reads_console, bmc.console_key or "")


def other_machine(one: Board, state: State) -> str:
    """Why the BMC is another machine's than hosts.yaml says; empty: it is this one's, or there is doubt."""
    theirs = state.uuid.lower()
    if one.uuid and theirs:
        what, ours, same = "UUID", one.uuid, one.uuid in (theirs, _swapped(theirs))
    elif one.serial and state.serials:
        what, ours, theirs, same = "serial number", one.serial, state.serials[0], one.serial in state.serials
    else:
        return ""
    return "" if same else f"it is of another machine: its {what} is {theirs}, and hosts.yaml has {ours} for {one.machine}"


def doubt(one: Board, state: State) -> str:
    """Why it cannot be compared, in words; empty: it can be."""
    on_file, said = {"UUID": one.uuid, "serial number": one.serial}, {"UUID": state.uuid, "serial number": state.serials}
    known = [name for name, value in on_file.items() if value]
    if any(said[name] for name in known):
        return ""
    why = f"it does not say the {' or '.join(known)} that hosts.yaml has" if known else \
        f"hosts.yaml has neither UUID nor serial number: inv rack.scan {one.machine}, with --netboot if it is off"
    return f"that this is {one.machine}'s BMC cannot be told: {why}"


def _swapped(uuid: str) -> str:
    """As others write its first three numbers: their bytes in reverse order."""
    first = [bytes.fromhex(part)[::-1].hex() for part in uuid.split("-")[:3]] if UUID.fullmatch(uuid) else []
    return "-".join([*first, *uuid.split("-")[3:]])
