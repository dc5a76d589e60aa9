"""A file of another machine, brought to the machine of a change: in pieces, by both root shells, checked when it is whole."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from fabfile.engine.command_output import tail
from fabfile.engine.errors import MachineError, RemoteFileFailed
from fabfile.engine.plan import Entry
from fabfile.resources.base import RemoteFile

if TYPE_CHECKING:
    from fabfile.engine.fleet import Fleet, HostSession
    from fabfile.engine.shell import Shell
    from fabfile.rack import Rack

PIECE = 1 << 19  # bytes that one command carries


def bring(rack: Rack, fleet: Fleet, session: HostSession, entry: Entry, want: RemoteFile) -> None:
    """Writes the file to its target, for root alone. Raises MachineError; what arrived until then is written over next time."""
    here, there, machine = quote(want.target), quote(want.path), entry.machine

    def asked(shell: Shell, text: str) -> str:
        doing, said = f"copy {want.path} from {want.machine} to {machine}", ""
        try:
            answer = shell.ask(text, shown=doing)
            if not answer.code:
                return answer.output
            problem, said = f"ended with exit code {answer.code}", answer.output
        except MachineError as error:
            if shell is session.shell:
                raise error.at(entry.step, entry.resource) from None
            problem = error.problem
        raise RemoteFileFailed(machine, f"{want.path} of {want.machine} could not be copied there: {problem}", step=entry.step,
                               resource=entry.resource, command=doing, tail=tail(said),
                               hint=f"look at the disks of {want.machine} and {machine} (df -h), then run again")

    with fleet.at(rack.machine(want.machine), f"sends {want.path} to {machine}") as source:
        size, digest, *_ = asked(source.shell, f"stat -L -c %s -- {there}; sha256sum <{there}").split()
        asked(session.shell, f"umask 077; mkdir -p -- \"$(dirname -- {here})\"; : >{here}")
        for number in range((int(size) + PIECE - 1) // PIECE):
            piece = asked(source.shell, f"dd if={there} bs={PIECE} skip={number} count=1 status=none | base64 -w 0")
            asked(session.shell, f"printf %s {quote(piece.strip())} | base64 -d >>{here}")
        asked(session.shell, f"printf '%s  %s\\n' {quote(digest)} {here} | sha256sum --check --status ||"
                             f" {{ echo 'it is not what was sent'; exit 1; }}\nsync -- {here}")
