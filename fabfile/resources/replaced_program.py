"""A unit whose program was replaced by a package: it runs the new one, whatever the package itself has restarted."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from .base import Change, Command, Resource


@dataclass(frozen=True)
class RunsItsProgram(Resource):
    """The unit's main process runs the program as it lies on the disk. `answers` is shell text, true once the unit does
    its work. A change of `package` in the same plan says who notices the restart."""

    unit: str
    package: str
    answers: str = ""

    @property
    def name(self) -> str:
        return f"program of {self.unit}"

    def probe(self) -> str:
        return f"{self._look()} || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if "replaced" in facts or f"package:{self.package}" in altered:
            unit = quote(self.unit)
            script = "\n".join([
                f"[ \"$({self._look()})\" ] || ! systemctl -q is-active {unit} || exit 0",
                shell("unit", unit=self.unit, answers=self.answers),
                "systemctl daemon-reload",
                f"if systemctl restart {unit} && up; then exit 0; fi",
                "said", f"echo {quote(f'{self.unit} does not come up')} >&2", "exit 1"])
            yield Change(f"{self.unit} runs from a program that was replaced", (
                Command(script, limit=180.0, shown=f"systemctl restart {self.unit}"),), alters=frozenset({f"unit:{self.unit}"}))

    def _look(self) -> str:
        return (f"readlink \"/proc/$(systemctl show -P MainPID {quote(self.unit)} 2>/dev/null)/exe\" 2>/dev/null | "
                "sed -n 's/^.* (deleted)$/replaced/p'")
