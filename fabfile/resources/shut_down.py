"""The end of a rack's work: pods that end, and machines that are switched off."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from .api_question import ADMIN
from .base import Change, Command, Resource
from .departure import movable, pods_on


@dataclass(frozen=True)
class PodsEnded(Resource):
    """No pod runs on these nodes any more, but for those of DaemonSets and the nodes' own. Nothing else takes them: PodDisruptionBudgets
    do not count, since nobody is to be served. Probed and done on a control plane, when the nodes are cordoned."""

    lasting: ClassVar[bool] = False
    nodes: tuple[str, ...]
    limit: float = 300.0  # seconds

    @property
    def name(self) -> str:
        return "pods ended"

    def probe(self) -> str:
        return "\n".join(f"{pods_on(node)} || echo unknown" for node in self.nodes)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        pods = movable(facts)
        if pods or "unknown" in facts.splitlines():
            servers = [f"{pod.namespace}/{pod.name}" for pod in pods if not pod.owner]
            named = f", among them {', '.join(servers)}, which nobody starts again" if servers else ""
            names = " ".join(map(quote, self.nodes))
            yield Change(f"{len(pods)} pods should end", (Command(
                f"{ADMIN} drain {names} --ignore-daemonsets --delete-emptydir-data --force --disable-eviction "
                f"--timeout={self.limit:.0f}s", long=True, limit=self.limit + 60),),
                interrupts=f"everything that the rack serves ends: {len(pods)} pods{named}")


@dataclass(frozen=True)
class SwitchedOff(Resource):
    """A machine that has shut itself down. Nothing is asked of it afterwards."""

    lasting: ClassVar[bool] = False
    machine: str
    limit: float = 300.0  # seconds

    @property
    def name(self) -> str:
        return f"{self.machine} off"

    def probe(self) -> str:
        return "echo on"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        yield Change(f"{self.machine} is on, should be off", (Command("systemctl poweroff", limit=self.limit),), powers_off=True,
                     interrupts=f"{self.machine} is switched off")
