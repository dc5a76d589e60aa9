"""Looking for the cause while something is waited for: what the machines in question have said of late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabfile.engine.causes import Cause, causes
from fabfile.engine.errors import MachineError
from fabfile.engine.fleet import Fleet
from fabfile.engine.shell import ShellCommand
from fabfile.programs import shell
from fabfile.resources.base import Check

if TYPE_CHECKING:
    from fabfile.rack import Rack

_BACK = 20  # seconds: whatever persists is said again within them
_MOST = 4  # machines that are asked
_ADMIN_CONF = "/etc/kubernetes/admin.conf"


@dataclass(frozen=True)
class Likely:
    """A cause, and the machine that names it. `ends`: waiting does not help."""

    where: str
    cause: Cause
    ends: bool


def likely(rack: Rack, fleet: Fleet, check: Check, about: Iterable[str], said: str) -> Likely | None:
    """The likeliest cause of a check that does not hold; None where nobody says one."""
    names = [name for name in dict.fromkeys([*about, check.machine]) if name not in rack.missing][:_MOST]
    peers = {str(rack.machine(name).address()): name for name in names if name != check.machine and rack.machine(name).is_member}
    texts = {name: _asked(rack, fleet, name, peers if name == check.machine else {}) for name in names}
    silent = {peers.get(line.partition("\t")[2].partition(":")[0], "") for text in texts.values()
              for line in text.splitlines() if line.startswith("silent\t")}
    found = [Likely(name, cause, cause.ends or (cause.name == "firewall" and name in silent))
             for name, text in [(check.machine, said), *texts.items()] for cause in causes(text)
             if cause.name != "firewall" or name in silent or not peers]
    return min(found, key=lambda one: (not one.ends, one.cause.name == "firewall" and one.where not in silent), default=None)


def _asked(rack: Rack, fleet: Fleet, name: str, peers: Iterable[str]) -> str:
    script = shell("evidence", seconds=str(_BACK), peers=" ".join(peers), kubeconfig=_ADMIN_CONF)
    try:
        with fleet.at(rack.machine(name), "is asked why something is waited for") as session:
            return "".join(answer.output for answer in session.shell.probe([ShellCommand(script, 40.0, "look for a cause")]))
    except MachineError:  # it only adds to what is told
        return ""
