"""Two locks, one of the rack and one of each machine; each is held by an open file descriptor of a root shell.

The rack's lock lies on the gateway and stops a second run; beside it stands who holds it. It frees itself
when that run's connection ends. A machine's lock is held, besides by its shell, by each command that the
shell runs: after a run was killed, the next one waits for the command that was running, and does not double
it.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from shlex import quote
from typing import TYPE_CHECKING

from fabfile.engine.errors import LockHeld, MachineError
from fabfile.engine.framing import Answer
from fabfile.programs import shell

if TYPE_CHECKING:
    from fabfile.rack import Rack

RUN = "/run/coop"
HELD = 75  # exit code of the texts below when somebody else holds the lock
PATIENCE = 3600.0  # seconds for which several machines, installed at the same time, wait for each other
_EVERY = 5  # seconds between two words of who waits

OPEN_RACK = f"mkdir -p -m 700 {RUN}; exec 8>>{RUN}/lock\n"
OPEN_MACHINE = f"mkdir -p -m 700 {RUN}; exec 9>>{RUN}/machine\n"
_DOUBTFUL, _SILENT_AFTER = 7_000, 15_000  # milliseconds; a living run is heard every five seconds


def _operator() -> str:
    return shell("operator", coop_run=RUN, coop_doubtful=str(_DOUBTFUL), coop_silent_after=str(_SILENT_AFTER))


def who(rack: Rack) -> tuple[str, str]:
    """The operator's name and the computer's. Where the rack lists its operators, the name is the account on its machines."""
    local = os.environ.get("SUDO_USER") or getpass.getuser()
    return rack.operator.user if rack.operators else local, socket.gethostname()


def take_rack(run: str, task: str, holder: tuple[str, str], patience: float = 0.0) -> str:
    """Shell text that takes the rack's lock and writes down who has it; else says who has, and exits with 75, after so many
    seconds of patience.

    A run may find itself: its previous connection hangs, and the lock of that one is as good as its own. It may
    find a run whose operator has gone: a lost connection leaves the gateway waiting for a quarter of an hour. A
    living run is heard at least every few seconds (see wire.py), and the gateway's kernel knows when it last
    was.
    """
    name, computer = holder
    return f"""\
{_operator()}
coop_tries=0; until flock -n 8; do
  read -r coop_holder <{RUN}/lock.holder; case $coop_holder in *{quote(run)}*) exit 0 ;; esac
  if coop_gone lock 8 && flock -w 5 8; then
    printf '\\n%s + %s\\n' "$coop_mark" "took over from a run that no longer answers: $coop_holder"; break
  fi
  [ $((coop_tries += 1)) -le {int(patience / _EVERY)} ] || {{ printf '%s\\n' "$coop_holder"; exit {HELD}; }}
  printf '\\n%s + waits for %s\\n' "$coop_mark" "$coop_holder"
  flock -w {_EVERY} 8 && break
done
{_written("lock", run=run, who=name, origin=computer, task=task)}
exit 0
"""


def take_machine(run: str) -> str:
    """Shell text that takes the machine's lock after what an earlier run has running; 75 when it stays.

    A shell that an earlier run has left here, and that nobody will ever speak to again, is ended: when the
    gateway loses its power, no machine behind it is notified.
    """
    return f"""\
{_operator()}
coop_tries=0
until flock -n 9; do
  read -r coop_holder <{RUN}/machine.holder; case $coop_holder in *{quote(run)}*) exit 0 ;; esac
  [ $((coop_tries += 1)) -le 30 ] || exit {HELD}
  printf '\\n%s + a command of an earlier run is ending\\n' "$coop_mark"
  coop_gone machine 9
  flock -w 2 9 && break
done
{_written("machine", run=run)}
"""


def _written(lock: str, **about: str) -> str:
    """Shell text that writes down who holds a lock."""
    holder = json.dumps(about | {"pid": str(os.getpid())})
    return (f"printf '%s, \"since\": \"%s\", \"from\": \"%s\", \"shell\": \"%s\"}}\\n' {quote(holder.removesuffix('}'))} "
            f"\"$(date -u +%Y-%m-%dT%H:%M:%S+00:00)\" \"$coop_from\" $$ >{RUN}/{lock}.holder")


def refused(gateway: str, answer: Answer) -> LockHeld:
    """The error of a run that found the lock taken."""
    return _held(gateway, answer.output.strip().rpartition("\n")[2])


def waiting(gateway: str, said: str) -> str:
    """What a run says that waits for the lock, in words."""
    return f"waits, as {_held(gateway, said.removeprefix('waits for '))}"


def _held(gateway: str, holder: str) -> LockHeld:
    try:
        return LockHeld(gateway, json.loads(holder))
    except ValueError:  # it is being written at this very moment
        return LockHeld(gateway, {})


def still_busy(machine: str) -> MachineError:
    """The error of a machine where an earlier run's command does not end."""
    return MachineError(machine, "a command of an earlier run is still running there, after a minute",
                        command="take the machine's lock", hint="see what it is: fuser -v /run/coop/machine")
