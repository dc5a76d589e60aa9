"""The system that a machine runs: one that Coop's packages are made for."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from .base import Change, Resource, conflict

TRIED = {"debian": ("12", "13")}

# the shell's own `read`: no process
PROBE = r"""
while IFS='=' read -r key value; do
  case $key in ID|VERSION_ID|VERSION_CODENAME|PRETTY_NAME) echo "$key=$value" ;; esac
done </etc/os-release 2>/dev/null || :
""".strip()


@dataclass(frozen=True)
class SupportedSystem(Resource):
    """Debian 12 or 13. On another system packages have other names, and repositories other suites."""

    @property
    def name(self) -> str:
        return "supported system"

    def probe(self) -> str:
        return PROBE

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = release(facts)
        system, version = found.get("ID", ""), found.get("VERSION_ID", "")
        if found and version not in TRIED.get(system, ()):
            said = found.get("PRETTY_NAME") or f"{system} {version}"
            yield conflict(f"system {system} {version}".strip(), f"it runs {said}, and Coop is made for Debian 12 and 13")


def release(facts: str) -> dict[str, str]:
    """What os-release says, by key."""
    lines = (line.partition("=") for line in facts.split("\n") if "=" in line)
    return {key: value.strip("\"'") for key, _, value in lines}
