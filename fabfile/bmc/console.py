"""The reading of a machine's console on rooster: shell text that begins, ends and shows it."""

from __future__ import annotations

from shlex import quote

from fabfile.programs import shell

LOGS = "/var/log/coop-console"
READERS = "/run/coop/console"  # a folder for each machine
LONGEST = 8 << 20  # bytes that one reading writes down
UNREAD = "no reader"


def log(machine: str) -> str:
    return f"{LOGS}/{machine}.log"


def unit(machine: str) -> str:
    return f"coop-console-{machine}"


def begin(machine: str, console: str, place: str, order: str, apart: str) -> str:
    """Has the console be read, for an order or, where that is empty, for whoever looks at it; whoever reads it already goes
    on. `console` defines how it is read; `place` has the machine's orders; `apart` runs `sh ./script` in the background."""
    here = f"{READERS}/{machine}"
    script = console + "\n" + shell("record", place=place, here=here, log=log(machine), most=str(LONGEST))
    return f"""\
umask 077; mkdir -p {here}; cd {here} || exit
mkdir -p {LOGS}
{f"echo {order} >order; {{ echo; echo '[coop order {order}]'; }} >>{log(machine)}" if order else ":"}
if ! [ -e lock ] || flock -n lock true; then
  rm -f in pid; printf %s {quote(script)} >script
  {apart}
fi
tries=0
until [ -p in ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
[ -p in ] && echo read"""


def asked_whether_read(machine: str, order: str) -> str:
    """Shell text that prints "read" when the console is read for this order."""
    here = f"{READERS}/{machine}"
    return f"[ -e {here}/lock ] && ! flock -n {here}/lock true && [ \"$(cat {here}/order 2>/dev/null)\" = {order} ] && echo read"


def end(machine: str) -> str:
    """Has it end, unless somebody looks at it."""
    return f"rm -f {READERS}/{machine}/order"


def view(machine: str) -> str:
    """On a terminal."""
    return shell("view", here=f"{READERS}/{machine}", log=log(machine))


def tail(machine: str, most: int) -> str:
    """Shell text that prints the end of what was written down."""
    return f"tail -c {most} {log(machine)} 2>/dev/null"


def keys(machine: str, order: str) -> str:
    """Shell text that prints whether anything was written down for an order, and every line with its system's host key."""
    return f"cat {log(machine)}.1 {log(machine)} 2>/dev/null | grep -a 'coop order {order}\\|COOP HOSTKEY {order} '"
