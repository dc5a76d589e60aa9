"""What is asked of machines at once, outside any run, without its journal: questions that change nothing, and
small deeds that the rack's lock keeps apart from runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.errors import MachineError
    from fabfile.engine.framing import Answer
    from fabfile.rack import Machine, Rack


def ask(rack: Rack, questions: Mapping[str, str], limit: float = 60.0,
        deed: str = "") -> tuple[dict[str, str], dict[str, MachineError]]:
    """Machine → POSIX shell text, to machine → what it printed; and who could not be asked, with why.

    The text runs as root, both outputs are its answer, and its exit code says nothing. With `deed` (a task's
    name) it begins when what an earlier run left at work there has ended, and holds the rack's lock, which
    is the gateway's, meanwhile. Raises LockHeld.
    """
    from fabfile.engine import detached, lock
    from fabfile.engine.parallel import each
    from fabfile.engine.shell import Line, Shell
    from fabfile.engine.ways import SshWays
    from fabfile.secret import mask

    ways = SshWays(rack)

    def taken(answer: Answer) -> None:
        if answer.code:
            raise lock.refused(rack.gateway.name, answer)

    def answer(name: str) -> str:
        shell = Shell(name, ways.shell(rack.machine(name)),
                      heard=lambda text: print(f"{name}: {mask(text)}", file=sys.stderr))
        if deed:
            shell.first(lock.OPEN_RACK, Line(lock.take_rack(f"{deed} {token_hex(4)}", deed)), taken)
            shell.first("", Line(detached.adopt(), limit=3600.0), lambda answer: None)
        return shell.ask(f"set +e\n{questions[name]}", limit).output

    try:
        return each(answer, questions)
    finally:
        ways.close()


def asked_of(rack: Rack, machine: Machine, question: str, limit: float = 60.0, deed: str = "") -> str:
    """What one machine printed, secrets masked; the task ends with code 1 when it cannot be asked, or when
    somebody else is at work on the rack that `deed` would disturb."""
    from invoke import Exit

    from fabfile.engine.errors import LockHeld
    from fabfile.secret import mask

    try:
        answers, errors = ask(rack, {machine.name: question}, limit, deed)
    except LockHeld as held:
        raise Exit(str(held), code=held.exit_code) from None
    for error in errors.values():
        raise Exit(f"{error}\n{error.hint}".rstrip(), code=error.exit_code)
    return mask(answers[machine.name])
