"""Read-only queries to machines, outside any run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.errors import MachineError
    from fabfile.engine.ways import SshWays
    from fabfile.rack import Machine, Rack


def ask(rack: Rack, questions: Mapping[str, str], limit: float = 60.0,
        ways: SshWays | None = None) -> tuple[dict[str, str], dict[str, MachineError]]:
    """Machine → POSIX shell text, to machine → what it printed; and who could not be asked, with why.

    The text runs as root, both outputs are its answer, and its exit code says nothing. `ways` stay open; without
    them the connections are made and closed here.
    """
    from fabfile.engine.parallel import each
    from fabfile.engine.shell import Shell
    from fabfile.engine.ways import SshWays
    from fabfile.secret import mask

    used = ways or SshWays(rack)

    def answer(name: str) -> str:
        shell = Shell(name, used.shell(rack.machine(name)),
                      heard=lambda text: print(f"{name}: {mask(text)}", file=sys.stderr))
        return shell.ask(f"set +e\n{questions[name]}", limit).output

    try:
        return each(answer, questions)
    finally:
        if ways is None:
            used.close()


def asked_of(rack: Rack, machine: Machine, question: str, limit: float = 60.0, ways: SshWays | None = None) -> str:
    """What one machine printed, secrets masked; the task ends with code 1 when it cannot be asked."""
    from invoke import Exit

    from fabfile.secret import mask

    answers, errors = ask(rack, {machine.name: question}, limit, ways)
    for error in errors.values():
        raise Exit(f"{error}\n{error.hint}".rstrip(), code=error.exit_code)
    return mask(answers[machine.name])
