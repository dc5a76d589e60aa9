"""Long commands that survive a lost connection: shell text that starts one, waits for it, and finds one of an earlier run.

A long command (apt, kubeadm, helm) has a folder /run/coop/units/NAME, which only root may read and which is
gone after a boot:

    what      one line for a person
    script    the command; taken away when it has ended
    lock      held by whoever runs the script, as long as it runs
    log       all that it said
    code      its exit code, written when it has ended

Whether it still runs is asked of the lock alone, so that nothing but the way of starting it differs between
machines: with systemd it is a transient unit, outside the session that sshd may end, and else a process in a
session of its own.
"""

from __future__ import annotations

from hashlib import sha256
from shlex import quote

from fabfile.programs import shell

UNITS = "/run/coop/units"

# Everything of the command is in files: the unit's own command line says nothing but its name.
_RUNNER = """\
cd "$1"; exec 9>lock; flock 9; : >begun; \
timeout -k 10 "$2" sh -e ./script </dev/null >log 2>&1 9>&-; echo $? >code.new; \
rm -f script; mv code.new code"""


def name(machine: str, resource: str, script: str) -> str:
    """The same command for the same resource has the same name in every run, whatever its remote values are."""
    return "coop-" + sha256("\0".join((machine, resource, script)).encode()).hexdigest()[:12]


def run(name: str, what: str, script: str, limit: float) -> str:
    """Shell text that starts the command (or finds it running), waits for it, prints its output and exits with its code."""
    return start(name, what, script, limit) + wait(name)


def start(name: str, what: str, script: str, limit: float) -> str:
    """Shell text that starts the command in its folder, unless it runs already. `limit` in seconds."""
    folder = f"{UNITS}/{name}"
    return f"""\
set +e
mkdir -p -m 700 /run/coop {UNITS}
if [ -e {folder}/lock ] && ! flock -n {folder}/lock true; then :
else
  rm -rf {folder}; mkdir -m 700 {folder} || exit
  ( umask 077; printf %s {quote(what)} >{folder}/what; printf %s {quote(script)} >{folder}/script ) || exit
  {apart(name, what, f"sh -c {quote(_RUNNER)} {name} {folder} {limit:.0f}")}
  coop_tries=0
  until [ -e {folder}/begun ] || [ $((coop_tries += 1)) -gt 500 ]; do sleep 0.02; done
fi
"""


def apart(unit: str, what: str, command: str) -> str:
    """Shell text that runs a command outside the session that sshd may end, as the leader of its process group."""
    environment = " ".join(f"--setenv={key}" for key in ("HOME=/root", "CURL_HOME=/etc/coop", "LC_ALL=C.UTF-8", 'PATH="$PATH"'))
    return f"""\
if [ -d /run/systemd/system ]
  then systemd-run --quiet --collect --unit={unit} --description={quote("Coop: " + what)} -p KillMode=mixed \\
    -p OOMPolicy=continue {environment} {command} || exit
  else setsid {command} </dev/null >/dev/null 2>&1 9>&- &
  fi"""


def wait(name: str, tidying: bool = True) -> str:
    """Shell text that waits for a started command, prints its output, exits with its code, and cleans up.

    Without `tidying` it may be asked again, when its answer was lost on the way.
    """
    folder = f"{UNITS}/{name}"
    return f"""\
{_waiting()}
coop_wait {name}
tail -c 65536 {folder}/log
coop_code=$(cat {folder}/code 2>/dev/null) || {{ echo 'it was ended before it had finished'; coop_code=125; }}
{tidy(name) if tidying else ":"}
exit $coop_code
"""


def _waiting() -> str:
    return shell("wait", coop_units=UNITS)


def tidy(name: str) -> str:
    """Shell text that removes the files of a command that has ended."""
    return f"rm -rf {UNITS}/{name}"


def adopt(wait: bool = True) -> str:
    """Shell text that waits for every long command which an earlier run began here, and tidies up after them.

    Of each that still runs it says "adopted WHAT". When none does, it costs no fork. Without `wait` (a dry
    run, which touches nothing) it only says so.
    """
    waiting = 'coop_wait "${coop_unit##*/}"' if wait else ":"
    tidying = 'rm -rf "$coop_unit"' if wait else ":"
    return f"""\
{_waiting()}
for coop_unit in {UNITS}/coop-*; do
  [ -e "$coop_unit" ] || continue
  if ! flock -n "$coop_unit"/lock true
  then printf '\\n%s + adopted %s\\n' "$coop_mark" "$(cat "$coop_unit"/what)"; {waiting}
  fi
  {tidying}
done
"""
