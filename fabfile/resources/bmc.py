"""What a machine's BMC should do: power, and what the next start comes from. Probed and changed on rooster."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import ClassVar

from fabfile.bmc.board import BmcProblem, State, other_machine
from fabfile.bmc.known import PATIENCE, Known
from fabfile.bmc.redfish import USUAL

from .base import Change, Command, Resource, refusal

LONGEST = 300.0  # seconds: to shut down, to be switched off, and on


@dataclass(frozen=True)
class _ByBmc(Resource):
    """Nothing is sent to a BMC that is another machine's, whoever asks for it: what it said before counts, too, as by IPMI the probe
    does not ask for a serial number again."""

    known: Known

    @property
    def machine(self) -> str:
        return self.known.board.machine

    def probe(self) -> str:
        return self.known.probe()

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        try:
            now = self.known.read(facts)
            for state in (self.known.state, now):
                if wrong := other_machine(self.known.board, state):
                    raise BmcProblem(wrong)
            yield from self.wanted(now)
        except BmcProblem as problem:
            yield refusal(f"the BMC of {self.machine}: {problem}", shown=f"ask the BMC of {self.machine}")

    def wanted(self, now: State) -> Iterator[Change]:
        """The changes of a machine that is so. Raises BmcProblem."""
        raise NotImplementedError


@dataclass(frozen=True)
class Powered(_ByBmc):
    """A machine that is on, or off. `interrupts`: what is lost when it goes off, in words."""

    on: bool
    patience: int = PATIENCE
    interrupts: str = ""

    @property
    def name(self) -> str:
        return f"power of {self.machine}"

    def wanted(self, now: State) -> Iterator[Change]:
        if now.power == ("on" if self.on else "off"):
            return
        script = self.known.power_on() if self.on else self.known.power_off(self.patience)
        shown = f"switch {self.machine} {'on' if self.on else 'off'} by its BMC"
        yield Change(f"{self.machine} is {now.power}, should be {'on' if self.on else 'off'}",
                     (Command(script, limit=LONGEST, shown=shown, says=True),), interrupts="" if self.on else self.interrupts)


@dataclass(frozen=True)
class Started(_ByBmc):
    """A machine that starts now: it goes off first if it is on. `boot`: what it starts from, once; empty: as usual."""

    lasting: ClassVar[bool] = False
    boot: str = ""
    patience: int = PATIENCE
    interrupts: str = ""

    @property
    def name(self) -> str:
        return f"start of {self.machine}"

    def wanted(self, now: State) -> Iterator[Change]:
        commands = [] if now.off else [
            Command(self.known.power_off(self.patience), limit=LONGEST, shown=f"switch {self.machine} off by its BMC", says=True)]
        if self.boot:
            commands.append(Command(self.known.boot_next(self.boot), limit=LONGEST, shown=f"boot {self.machine} once from {self.boot}"))
        commands.append(Command(self.known.power_on(), limit=LONGEST, shown=f"switch {self.machine} on by its BMC"))
        words = [f"{self.machine} is {now.power}: "]
        words += [] if now.off else ["goes off, "]
        words += [f"boots from {self.boot} once, "] if self.boot else []
        yield Change("".join([*words, "is switched on"]), tuple(commands), interrupts="" if now.off else self.interrupts)


@dataclass(frozen=True)
class BootsNext(_ByBmc):
    """What the next start comes from, once: network, disk, or setup (the firmware's own menus); or as usual."""

    target: str

    @property
    def name(self) -> str:
        return f"next boot of {self.machine}"

    def wanted(self, now: State) -> Iterator[Change]:
        if not self.known.boots_from(self.target, now):
            how = "as usual" if self.target == USUAL else f"from {self.target} once"
            yield Change(f"{self.machine} boots {f'by {now.boot}' if now.boot else 'as usual'} next, should boot {how}",
                         (Command(self.known.boot_next(self.target), limit=LONGEST, shown=f"boot {self.machine} {how}"),))


@dataclass(frozen=True)
class Identified(_ByBmc):
    """The light by which a machine is found in the rack."""

    lasting: ClassVar[bool] = False
    lit: bool

    @property
    def name(self) -> str:
        return f"light of {self.machine}"

    def wanted(self, now: State) -> Iterator[Change]:
        yield Change(f"the light of {self.machine} {'blinks' if self.lit else 'goes off'}",
                     (Command(self.known.identify(self.lit), shown=f"switch the light of {self.machine}"),))
