"""Who may change the rack, and who a machine: two locks, each held by an open descriptor of a root shell.

The rack's lock lies on the gateway and stops a second run; beside it stands who holds it. It frees itself when that
run's connection ends. A machine's lock is held, besides by its shell, by each command that the shell runs: after a
run was killed, the next one waits for the command that was under way, and does not double it.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import datetime, timezone
from shlex import quote

from fabfile.engine.errors import LockHeld, MachineError
from fabfile.engine.framing import Answer

RUN = "/run/coop"
HELD = 75  # exit code of the texts below when somebody else holds the lock

OPEN_RACK = f"mkdir -p -m 700 {RUN}; exec 8>>{RUN}/lock\n"
OPEN_MACHINE = f"mkdir -p -m 700 {RUN}; exec 9>>{RUN}/machine\n"

def who() -> tuple[str, str]:
    """The operator's name and the computer's."""
    return os.environ.get("SUDO_USER") or getpass.getuser(), socket.gethostname()


def take_rack(run: str, task: str) -> str:
    """Shell text that takes the rack's lock and writes down who has it, or says who else has it and exits with 75.

    A run may find itself: its former connection hangs, and the lock of that one is as good as its own.
    """
    name, computer = who()
    holder = json.dumps({"run": run, "who": name, "origin": computer, "task": task,
                         "since": datetime.now(timezone.utc).isoformat(timespec="seconds")})
    return f"""\
if flock -n 8; then printf '%s\\n' {quote(holder)} >{RUN}/lock.holder; exit; fi
read -r coop_holder <{RUN}/lock.holder; printf '%s\\n' "$coop_holder"
case $coop_holder in *{quote(run)}*) ;; *) exit {HELD} ;; esac
"""


def take_machine(run: str) -> str:
    """Shell text that takes the machine's lock, waiting for what an earlier run has under way; 75 when it stays."""
    return f"""\
coop_tries=0
until flock -n 9; do
  read -r coop_holder <{RUN}/machine.holder; [ "$coop_holder" != {quote(run)} ] || exit 0
  [ $((coop_tries += 1)) -le 30 ] || exit {HELD}
  printf '\\n%s + a command of an earlier run is ending\\n' "$coop_mark"
  flock -w 2 9 && break
done
echo {quote(run)} >{RUN}/machine.holder
"""


def refused(gateway: str, answer: Answer) -> LockHeld:
    """The error of a run that found the lock taken."""
    try:
        holder = json.loads(answer.output.strip().splitlines()[-1])
    except (ValueError, IndexError):  # it is being written at this very moment
        holder = {}
    return LockHeld(gateway, holder)


def still_busy(machine: str) -> MachineError:
    """The error of a machine where an earlier run's command does not end."""
    return MachineError(machine, "a command of an earlier run is still at work there, after a minute",
                        hint="see what it is: fuser -v /run/coop/machine")
