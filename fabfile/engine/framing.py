"""How commands and their answers share one stream: functions of values, no machine needed.

To the machine goes shell text: a prologue once, then a line for each command. Back comes whatever the command
prints, and behind it a mark: a newline, a word that nobody can guess, and on the same line

    NUMBER CODE BEGAN ENDED [late]    the command with this number ended; times in seconds of the machine's uptime
    + TEXT                            it still runs, and last said this

The machine's uptime is read by the shell itself (no fork), does not jump with the clock, and leaves the way
there and back out of the command's time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from shlex import quote

# `look` runs a probe: what it prints to stdout, nothing else. `act` runs a command: both outputs, and no further
# command once one has failed or has taken longer than its limit: whoever waited for it has gone on, and expects
# nothing more to happen here. `guard` runs a condition for all that follows: when it fails, the shell ends, and
# whatever came in the same write behind it is not run. All three run in a subshell, so that no command can change
# or end the shell itself. What was said before the prologue (by a login script, by sudo) goes to an answer 0 that
# nobody gets. Descriptor 8 is the rack's lock (see lock.py): what a command starts must not go on holding it.
_PROLOGUE = """\
exec 2>&1
cd /; umask 022; LC_ALL=C.UTF-8; HOME=/root; PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL HOME PATH; unset LANG LANGUAGE; coop_failed=; coop_mark={mark}; coop_from=${{1-}}
coop_now() {{ read -r coop_time coop_rest </proc/uptime; }}
coop_say() {{
  coop_began=$coop_time coop_late=; coop_now
  [ -z "${{3-}}" ] || [ $((${{coop_time%.*}} - ${{coop_began%.*}})) -le "$3" ] || coop_late=' late'
  printf '\\n%s %s %s %s %s%s\\n' "$coop_mark" "$1" "$2" "$coop_began" "$coop_time" "$coop_late"
}}
look() {{ coop_now; ( coop_text=$2; set --; eval "$coop_text" ) </dev/null 2>/dev/null; coop_say "$1" $?; }}
guard() {{
  coop_now; ( coop_text=$2; set --; eval "$coop_text" ) </dev/null 2>/dev/null; coop_code=$?
  coop_say "$1" $coop_code
  [ $coop_code = 0 ] || exit $coop_code
}}
act() {{
  [ -z "$coop_failed" ] || return 0
  coop_now; ( coop_text=$3; set --; set -e; eval "$coop_text" ) </dev/null 8>&-; coop_code=$?
  coop_say "$1" $coop_code "$2"
  [ $coop_code = 0 ] && [ -z "$coop_late" ] || coop_failed=1
}}
coop_now; coop_say 0 0
"""


@dataclass(frozen=True)
class Answer:
    """What came of one command."""

    number: int
    code: int
    seconds: float
    output: str = field(repr=False)  # a borrowed secret may be all of it
    late: bool = False  # it took longer than its limit: no command behind it was run


@dataclass(frozen=True)
class Beat:
    """A running command still lives; `text` is the last line it said."""

    text: str


def prologue(mark: str) -> str:
    """What a root shell is told first."""
    return _PROLOGUE.format(mark=mark)


def look(number: int, text: str) -> str:
    """A probe, as one line for the shell."""
    return f"look {number} {_quoted(text)}\n"


def guard(number: int, text: str) -> str:
    """A condition for all that follows, as one line for the shell: when it fails, the shell ends."""
    return f"guard {number} {_quoted(text)}\n"


def act(number: int, text: str, limit: float) -> str:
    """A command and its limit in seconds, as one line for the shell. After one that failed or was late, the next
    are passed over until `again`."""
    return f"act {number} {ceil(limit)} {_quoted(text)}\n"


def again() -> str:
    """Lets commands run again after one has failed."""
    return "coop_failed=\n"


def _quoted(text: str) -> str:
    if "\0" in text:
        raise ValueError("shell text cannot hold a NUL character")
    return quote(text)


class Frames:
    """Cuts the stream that comes back into answers and beats, however its bytes are split."""

    def __init__(self, mark: str):
        self._mark = re.compile(rb"\n" + mark.encode() + rb" ([^\n]*)\n")
        self._longest = len(mark) + 2
        self._held = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[Answer | Beat]:
        """Whatever is complete now."""
        self._held += data
        while found := self._mark.search(self._held, self._searched):
            output, head = bytes(self._held[:found.start()]), found[1]
            if head.startswith(b"+"):
                del self._held[found.start():found.end()]  # the command's own output goes on where it was
                self._searched = found.start()
                yield Beat(head[1:].decode(errors="replace").strip())
            else:
                del self._held[:found.end()]
                self._searched = 0
                number, code, began, ended, *late = head.split()
                seconds = float(ended) - float(began)
                yield Answer(int(number), int(code), seconds, output.decode(errors="replace"), bool(late))
        # A mark may have come in part: its line begins at the last newline at the earliest.
        last = self._held.rfind(b"\n", self._searched)
        self._searched = last if last >= 0 else len(self._held)

    def rest(self) -> str:
        """What was said after the last mark, for the error when no other comes."""
        return bytes(self._held).decode(errors="replace").strip()
