"""Debian packages: installed, at their version, on hold, configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from shlex import quote

from fabfile.programs import shell

from . import parts, removals
from .base import Change, Command, Resource, conflict, rejection

_UPDATED = "/var/lib/coop/apt-lists"  # touched when the lists were last fetched

# A dpkg that was killed left packages half done: finish them before anything else.
_MEND = "dpkg --configure -a --force-confdef --force-confold\napt --fix-broken install"


@dataclass(frozen=True)
class Packages(Resource):
    """Packages, each at a version (a glob like "2.3.4-*" will do) or, with None, at any.

    Those in `hold` apt may not move; `interrupts` says who notices when one of them that is there comes at another version:
    its unit restarts. Whatever apt would remove or downgrade for them is told, and wants consent too, but for what they
    `replace`; what is `beside` them has to go, as is known before apt's lists know them. A kill in
    the middle of apt, also of one that was not ours, is fixed first.
    """

    packages: Mapping[str, str | None]
    hold: tuple[str, ...] = ()
    interrupts: str = ""
    replace: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "packages " + " ".join(self.packages)

    def probe(self) -> str:
        return parts.probe(_probe(self.packages),
                           removals.probe(((name, version or "*") for name, version in self.packages.items()), self.beside))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        packages, simulation = parts.facts(facts, 2)
        found, broken = _parse(packages)
        lost = removals.Lost(simulation)
        missing = [name for name in self.packages if not self._is_right(found.get(name))]
        if missing and lost.unreadable and not any(path.startswith("file:/etc/apt/") for path in altered):
            yield rejection(f"apt cannot read its sources, so nothing can be installed: {lost.unreadable}")
        elif missing:
            for name, want in lost.holds.items():
                if name not in self.packages:
                    yield conflict(f"hold {name}", f"{name} is on hold and {want}: as long as it is, apt installs nothing beside it",
                                   Command(f"apt-mark unhold {quote(name)}"), keepable=False)
            gone = lost.in_words({*self.packages, *self.replace})
            restart = self.interrupts if any(name in found for name in missing if name in self.hold) else ""
            yield Change(
                "; ".join(self._difference(name, found.get(name)) for name in missing),
                (self._install(missing, broken, tuple(lost.removed)),),
                interrupts="; ".join(filter(None, (restart, gone))),
                alters=frozenset(f"package:{name}" for name in missing),
            )
        elif broken:
            yield Change("dpkg was interrupted: " + ", ".join(broken),
                         (Command(f"{prepare()}\n{_MEND}", True, 900.0, shown="dpkg --configure -a"),),
                         alters=frozenset(f"package:{name}" for name in broken))
        loose = [name for name in self.hold if name not in missing and not found[name].held]
        if loose:
            yield Change(f"{', '.join(loose)}: not on hold",
                         (Command("apt-mark hold " + " ".join(map(quote, loose))),))

    def _is_right(self, found: _Package | None) -> bool:
        return found is not None and found.whole and fnmatchcase(found.version, self._wanted(found.name))

    def _wanted(self, name: str) -> str:
        return self.packages[name] or "*"

    def _difference(self, name: str, found: _Package | None) -> str:
        should = f", should be {self.packages[name]}" if self.packages[name] else ""
        if found is None:
            return f"{name} is not installed{should}"
        if not found.whole:
            return f"{name} {found.version} is {found.state}{should}"
        return f"{name} is {found.version}{should}"

    def _install(self, names: list[str], broken: list[str], gone: tuple[str, ...]) -> Command:
        versions = [f"{name}={self.packages[name]}" if self.packages[name] else name for name in names]
        wanted = " ".join(map(quote, versions))
        held = " ".join(quote(name) for name in names if name in self.hold)
        lines = [prepare((*gone, *self.replace))]
        if broken:
            lines.append(_MEND)
        if held:  # also when apt fails or is stopped: what was on hold is on hold again
            lines += [f"trap 'apt-mark hold {held} >/dev/null 2>&1 || :' EXIT",
                      f"apt-mark unhold {held} >/dev/null 2>&1 || :"]
        lines += [
            "if stale; then fetch_lists; fresh=yes; fi",
            f'if ! install {wanted}; then [ -z "$fresh" ] || exit 1; fetch_lists; install {wanted}; fi',
        ]
        if held:
            lines.append(f"apt-mark hold {held}")
        return Command("\n".join(lines), True, 1800.0, shown=f"apt-get install {' '.join(versions)}")


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    held: bool
    state: str  # dpkg's word: "installed", "half-configured", "unpacked" …

    @property
    def whole(self) -> bool:
        return self.state == "installed"


def prepare(may_go: Iterable[str] = ()) -> str:
    """What a change begins with."""
    return shell("apt", updated=_UPDATED, may_go=" ".join(may_go))


def _probe(names: Iterable[str]) -> str:
    """The packages, one a line: name, version, what is wanted of it, error flag, state; then those of the
    whole machine that are half done. Two or three processes, whatever the number of packages."""
    plain = " ".join(map(quote, names))
    return (
        f"p=$(dpkg-query -W -f '${{Package}} ${{Version}} ${{Status}}\\n' {plain} 2>/dev/null) || :; printf '%s\\n' \"$p\"\n"
        "for f in /var/lib/dpkg/updates/[0-9]*; do [ ! -e \"$f\" ] || { echo 'broken dpkg'; break; }; done\n"
        "grep -B 1 -E '^Status: .* (half-installed|unpacked|half-configured|triggers-[a-z]+)$' "
        "/var/lib/dpkg/status 2>/dev/null | sed -n 's/^Package: /broken /p'"
    )


def _parse(facts: str) -> tuple[dict[str, _Package], list[str]]:
    found: dict[str, _Package] = {}
    broken: list[str] = []
    for line in facts.split("\n"):
        words = line.split(" ")
        if words[0] == "broken" and len(words) == 2:
            broken.append(words[1])
        elif len(words) == 5 and words[4] not in ("not-installed", "config-files"):
            name, version, want, error, state = words
            found[name] = _Package(name, version, want == "hold", state if error == "ok" else error)
    return found, broken
