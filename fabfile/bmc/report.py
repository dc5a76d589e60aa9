"""One BMC in a table of all: how it is, and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fabfile.bmc import quirks
from fabfile.bmc.board import BmcProblem, Board, State, board, doubt, lacking, other_machine
from fabfile.rack import Machine, Rack


@dataclass(frozen=True)
class Report:
    machine: str
    address: str
    protocol: str  # empty: it is not talked to
    state: State | None  # None: it was not asked, or gave no answer
    wrong: tuple[str, ...]
    doubt: str = ""  # why it is not known to be this machine's


def report(rack: Rack, machine: Machine, found: State | BmcProblem | None, key: str = "") -> Report:
    """`found`: what it said, or why it did not; None: it was not asked. `key`: the one it shows, where none is pinned."""
    bmc = machine.bmc
    assert bmc is not None
    state = found if isinstance(found, State) else None
    wrong: list[str] = []
    if bmc.protocol:
        wrong += [one.message if not key or "public_key" not in one.key else f"shows {key}: compare it on its own pages, then write it "
                  f"into hosts.yaml as public_key" for one in lacking(rack, machine)]
    if isinstance(found, BmcProblem):
        wrong.append(str(found))
    elif state:
        wrong += _wrong(machine, board(rack, machine), state)
    unsure = doubt(board(rack, machine), state) if state else ""
    return Report(machine.name, str(bmc.address), bmc.protocol or "", state, tuple(wrong), unsure)


def _wrong(machine: Machine, one: Board, state: State) -> Iterator[str]:
    if other := other_machine(one, state):
        yield other
    if quirks.has_default_account(one):
        yield "has the account it left the factory with: change its password there, and in configs/secrets.yaml"
    if state.health not in ("", "OK"):
        yield f"says that the machine's health is {state.health}"
    if state.off != machine.expected_off:
        yield f"the machine is {state.power}, and hosts.yaml expects it to be {machine.expect}"
