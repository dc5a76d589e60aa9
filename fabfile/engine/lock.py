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
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING

from fabfile.engine.errors import LockHeld, MachineError
from fabfile.engine.framing import Answer
from fabfile.programs import shell

if TYPE_CHECKING:
    from fabfile.rack import Rack

RUN = "/run/coop"
HELD = 75  # exit code of the texts below when somebody else holds the lock

OPEN_RACK = f"mkdir -p -m 700 {RUN}; exec 8>>{RUN}/lock\n"
OPEN_MACHINE = f"mkdir -p -m 700 {RUN}; exec 9>>{RUN}/machine\n"
_DOUBTFUL, _SILENT_AFTER = 7_000, 15_000  # milliseconds; a living run is heard every five seconds


def _operator() -> str:
    return shell("operator", coop_run=RUN, coop_doubtful=str(_DOUBTFUL), coop_silent_after=str(_SILENT_AFTER))


def who(rack: Rack) -> tuple[str, str]:
    """The operator's name and the computer's. Where the rack lists its operators, the name is the account on its machines."""
    local = os.environ.get("SUDO_USER") or getpass.getuser()
    return rack.operator.user if rack.operators else local, socket.gethostname()


def take_rack(run: str, task: str, holder: tuple[str, str]) -> str:
    """Shell text that takes the rack's lock and writes down who has it; else says who has, and exits with 75.

    A run may find itself: its previous connection hangs, and the lock of that one is as good as its own. It may
    find a run whose operator has gone: a lost connection leaves the gateway waiting for a quarter of an hour. A
    living run is heard at least every few seconds (see wire.py), and the gateway's kernel knows when it last
    was.
    """
    name, computer = holder
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return f"""\
{_operator()}
coop_taken() {{
  {_written("lock", run=run, who=name, origin=computer, task=task, since=since)}
  exit 0
}}
flock -n 8 && coop_taken
read -r coop_holder <{RUN}/lock.holder; printf '%s\\n' "$coop_holder"
case $coop_holder in *{quote(run)}*) exit 0 ;; esac
coop_gone lock 8 || exit {HELD}
flock -w 5 8 || exit {HELD}
printf '\\n%s + %s\\n' "$coop_mark" "took over from a run that no longer answers: $coop_holder"
coop_taken
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
    return (f"printf '%s, \"from\": \"%s\", \"shell\": \"%s\"}}\\n' {quote(holder.removesuffix('}'))} "
            f"\"$coop_from\" $$ >{RUN}/{lock}.holder")


def refused(gateway: str, answer: Answer) -> LockHeld:
    """The error of a run that found the lock taken."""
    try:
        holder = json.loads(answer.output.strip().splitlines()[-1])
    except (ValueError, IndexError):  # it is being written at this very moment
        holder = {}
    return LockHeld(gateway, holder)


def still_busy(machine: str) -> MachineError:
    """The error of a machine where an earlier run's command does not end."""
    return MachineError(machine, "a command of an earlier run is still running there, after a minute",
                        command="take the machine's lock", hint="see what it is: fuser -v /run/coop/machine")
