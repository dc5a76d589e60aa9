"""What goes away when packages are installed: as apt simulates it, in words that ask for approval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from shlex import quote

from fabfile.programs import shell


def probe(packages: Iterable[tuple[str, str]], beside: Sequence[str]) -> str:
    """Shell text that simulates the installation of those of these packages, (name, version as a glob), that are not there
    at that version. It expects what dpkg-query said of them in $p."""
    looks = [f"case \"$n$p$n\" in *\"$n\"{quote(name + ' ')}{version}' '*' ok installed'\"$n\"*) ;; "
             f"*) wanted=\"$wanted$n\"{quote(name if version == '*' else f'{name}={version}')} ;; esac"
             for name, version in packages]
    return "\n".join(["n='\n' wanted=", *looks,
                      "wanted=${wanted#?}; if [ -n \"$wanted\" ] && command -v apt-get >/dev/null; then",
                      shell("removals", beside=" ".join(beside)), "fi"])


class Lost:
    """What a simulation said. `errors`: why apt could not even begin."""

    def __init__(self, facts: str):
        self.removed: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.errors: list[str] = []
        self.holds: dict[str, str] = {}  # packages on hold with which apt cannot install the rest, and what they want
        self._active: dict[str, list[str]] = {}
        self._containers = ""
        for line in facts.split("\n"):
            kind, _, rest = line.partition(" ")
            words = rest.split()
            if kind in ("Remv", "Purg") and words:
                self.removed[words[0]] = words[1].strip("[]") if words[1:] else ""
            elif kind in ("down", "held") and words:
                self.moved[words[0]] = "an older version" if kind == "down" else "another version, although it is on hold"
            elif kind == "E:":
                self.errors.append(rest)
            elif kind == "hold" and words:
                self.holds.setdefault(words[0], rest.partition(" ")[2])
            elif kind == "active" and len(words) == 2:
                self._active.setdefault(words[0], []).append(words[1])
            elif kind == "containers" and words and words[0] != "0":
                self._containers = f"{words[0]} container{'s' * (words[0] != '1')} run"

    def in_words(self, expected: Set[str]) -> str:
        """What goes, but for what is expected to; "" when nothing does."""
        gone = [self._of(name, version) for name, version in self.removed.items() if name not in expected]
        moved = [f"apt gives {name} {how}" for name, how in self.moved.items() if name not in expected | self.removed.keys()]
        removal = [f"apt removes {', '.join(gone)}"] if gone else []
        return "; ".join([*removal, *([self._containers] if gone and self._containers else []), *moved])

    def _of(self, name: str, version: str) -> str:
        units = self._active.get(name, [])
        runs = f" ({', '.join(units)} run{'s' * (len(units) == 1)})" if units else ""
        return f"{name} {version}".strip() + runs

    @property
    def unreadable(self) -> str:
        """apt's words where it cannot read its own sources: no new lists change that."""
        return next((error for error in self.errors
                     if "could not be read" in error or "Malformed" in error or "Conflicting values" in error), "")
