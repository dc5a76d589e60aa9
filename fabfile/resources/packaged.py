"""Programs and units that packages bring: not hidden by others of the same name that somebody has installed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Resource, conflict
from .others import commented, moved_away, numbered

_PROGRAMS = ("/usr/local/sbin", "/usr/local/bin")
_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system")


@dataclass(frozen=True)
class Packaged(Resource):
    """No program in /usr/local is found before the package's own, no unit file is in place of the package's, and no drop-in
    has the unit of one of the programs start something else: kubespray, tarballs and older packages leave such."""

    programs: tuple[str, ...]
    units: tuple[str, ...]

    @property
    def name(self) -> str:
        return "programs of packages"

    def probe(self) -> str:
        programs = " ".join(quote(f"{folder}/{name}") for name in self.programs for folder in _PROGRAMS)
        units = " ".join(quote(f"{folder}/{name}.service") for name in self.units for folder in _UNITS)
        drop_ins = " ".join(f"{folder}/{quote(name)}.service.d/*.conf" for name in self.units if name in self.programs for folder in _UNITS)
        return (f"for f in {programs}; do\n"
                "  { [ ! -e \"$f\" ] && [ ! -L \"$f\" ]; } || [ \"$f\" -ef \"/usr/bin/${f##*/}\" ] ||\n"
                "  [ \"$f\" -ef \"/usr/sbin/${f##*/}\" ] || echo \"program $f\"\ndone\n"
                f"for f in {units}; do [ ! -f \"$f\" ] || [ -L \"$f\" ] || echo \"unit $f\"; done\n"
                f"set --; for f in {drop_ins}; do [ ! -f \"$f\" ] || set -- \"$@\" \"$f\"; done\n"
                "[ $# = 0 ] || grep -HnsE '^[[:space:]]*ExecStart=' -- \"$@\" || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for line in facts.split("\n"):
            kind, _, path = line.partition(" ")
            if kind == "program":
                yield conflict(path, f"{path} hides the program {path.rpartition('/')[2]} of its package", moved_away(path))
            elif kind == "unit":
                yield conflict(path, f"{path} replaces the unit {path.rpartition('/')[2]} of its package",
                               moved_away(path, then="systemctl daemon-reload"), alters=_unit(path))
        lines: dict[str, dict[int, str]] = {}
        for path, number, text in numbered("\n".join(line for line in facts.split("\n") if line.startswith("/"))):
            lines.setdefault(path, {})[number] = text
        for path, texts in lines.items():
            if "/kubelet.service.d/10-kubeadm.conf" in path:
                said = f"{path} hides the file of that name of the package kubeadm"
                yield conflict(path, said, moved_away(path, then="systemctl daemon-reload"), alters=_unit(path))
            else:
                yield conflict(path, f"{path}:{min(texts)} changes what {_unit_of(path)} starts",
                               commented(path, texts, then="systemctl daemon-reload"), alters=_unit(path))


def _unit_of(path: str) -> str:
    return next(part.removesuffix(".d") for part in path.split("/") if part.endswith((".service", ".service.d")))


def _unit(path: str) -> frozenset[str]:
    return frozenset({f"unit:{_unit_of(path)}"})
