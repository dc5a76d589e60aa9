"""The racks that the story is told of: two with every machine up, and two with a machine that never answered.

    up           rooster, one control plane, two workers
    worker-off   the same, but chick2 has no power from the beginning. Nobody has said so in hosts.yaml: each run
                 does what it can, names chick2, and ends with 1
    first-off    three control planes, of which chick0, the first, has no power from the beginning. A first
                 bootstrap makes no cluster elsewhere (chick0 might hold one) until hosts.yaml says `expect: off`;
                 from then on runs end with 0
    installed    as `up`, but the chicks are as installers leave them: Debian's, with ifupdown, static and by DHCP, and one
                 as Ubuntu's, with netplan (as_installed.py)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CHICKS = ("chick0", "chick1", "chick2")


@dataclass(frozen=True)
class Kind:
    """One of them. `off`: the machine without power, or nothing."""

    name: str
    control_planes: int = 1
    off: str = ""
    installed: bool = False  # the chicks are as their installers leave them
    expected: bool = False  # hosts.yaml says so, once a first bootstrap has been refused

    @property
    def members(self) -> tuple[str, ...]:
        """The chicks that have power."""
        return tuple(name for name in CHICKS if name != self.off)

    @property
    def machines(self) -> tuple[str, ...]:
        """All machines that have power."""
        return ("rooster", *self.members)

    @property
    def workers(self) -> tuple[str, ...]:
        """The chicks that are workers."""
        return CHICKS[self.control_planes:]

    @property
    def first(self) -> str:
        """The control plane where the cluster is made, and that it is asked through."""
        return self.members[0]

    @property
    def other(self) -> str:
        """A member that is not the first."""
        return self.members[1]

    @property
    def done(self) -> int:
        """How a run over the whole rack ends when it has done all that can be done."""
        return 1 if self.off and not self.expected else 0

    @property
    def differs(self) -> int:
        """The same of a dry run that found something to change."""
        return self.done or 3

    def sample(self, cases: Iterable[str], always: Iterable[str]) -> list[str]:
        """All cases where every machine is up, else only those."""
        return [case for case in cases if not self.off or case in set(always)]


KINDS = {kind.name: kind for kind in (
    Kind("up"), Kind("installed", installed=True), Kind("worker-off", off="chick2"),
    Kind("first-off", control_planes=3, off="chick0", expected=True))}


def expect_off(hosts: str, machine: str) -> str:
    """hosts.yaml's text with a machine that is meant to be off."""
    begin = f"\n  {machine}:\n"
    assert hosts.count(begin) == 1
    return hosts.replace(begin, f"{begin}    expect: off\n")
