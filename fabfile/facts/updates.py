"""Which updates a machine's packages have, and whether it has to be started again: a question and its answer as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fabfile.programs import shell
from fabfile.resources.system_update import REBOOT_MARK, reboot_reasons

_MARK = "== updates"
_INST = re.compile(r"(\S+) (?:\[(\S+)\] )?\((\S+) (.*?)(?: \[\S+\])?\)")


@dataclass(frozen=True)
class Update:
    """One package that has another version. `former`: empty for one that is new, such as a kernel's."""

    name: str
    former: str
    version: str
    security: bool


@dataclass(frozen=True)
class Updates:
    """Of one machine. `failed`: why they could not be asked for."""

    packages: tuple[Update, ...] = ()
    failed: str = ""
    reboot: tuple[str, ...] = ()  # why it has to be started again, by what was updated before
    unbuilt: tuple[str, ...] = ()  # what the kernel lacks that it would boot

    def wanted(self, security: bool) -> dict[str, str]:
        """Name → version of all of them, or of those that close holes."""
        return {update.name: update.version for update in self.packages if update.security or not security}


def question() -> str:
    """Shell text for a machine."""
    return f"( {shell('modules_built', 'reboot_needed', mark=REBOOT_MARK)} )\necho '{_MARK}'\n{shell('updates')}"


def parse(answer: str) -> Updates:
    """What the answer says."""
    reasons, mark, lines = answer.partition(f"{_MARK}\n")
    found: list[Update] = []
    why, unbuilt = map(tuple, reboot_reasons(reasons))
    for line in lines.splitlines() if mark else ["failed no answer"]:
        if line.startswith("failed "):
            return Updates(failed=line.removeprefix("failed "), reboot=why, unbuilt=unbuilt)
        if parts := _INST.match(line):
            found.append(Update(parts[1], parts[2] or "", parts[3], "security" in parts[4].lower()))
    return Updates(tuple(found), reboot=why, unbuilt=unbuilt)
