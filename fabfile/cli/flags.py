"""Every flag that stands before a task: what becomes of each, so that none is ignored in silence.

    HONOURED    as Invoke's and Fabric's manuals say
    COMMANDS    it is about `c.run`: for `fab -H NAME -- COMMAND` and the site's own tasks; Coop's tasks refuse it
    a sentence  why it is refused, whatever is asked for

A flag that is not in the table is refused: a later Fabric has one that nobody has thought about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from invoke.parser import Argument

HONOURED, COMMANDS = "honoured", "commands"
FLAGS = {
    # of Invoke, and so of `fab`, too
    "collection": HONOURED,
    "command-timeout": COMMANDS,
    "complete": HONOURED,
    "config": COMMANDS,
    "debug": HONOURED,
    "dry": COMMANDS,
    "echo": COMMANDS,
    "help": HONOURED,
    "hide": COMMANDS,
    "list": HONOURED,
    "list-depth": HONOURED,
    "list-format": HONOURED,
    "no-dedupe": HONOURED,
    "print-completion-script": HONOURED,
    "prompt-for-sudo-password": "the operator of a rack has sudo without a password on its machines, so none is asked for",
    "pty": COMMANDS,
    "search-root": HONOURED,
    "version": HONOURED,
    "warn-only": COMMANDS,
    "write-pyc": HONOURED,
    # of `fab` alone
    "connect-timeout": "every machine has 15 s to answer, whichever task asks it",
    "hosts": HONOURED,
    "identity": HONOURED,
    "list-agent-keys": HONOURED,
    "prompt-for-login-password": "machines of a rack let an operator in by key alone (operator.identity_file in hosts.yaml, or -i KEY)",
    "prompt-for-passphrase": "a key with a passphrase is unlocked once, by the agent: ssh-add KEY",
    "ssh-config": "hosts.yaml says how each machine is reached; for plain ssh, inv rack.ssh-config prints a file that says the same",
}
UNKNOWN = "Coop does not know this flag of a newer Fabric or Invoke, so it cannot say what would become of it"


def given(flags: Iterable[Argument]) -> Iterator[Argument]:
    """The flags that were typed."""
    return (flag for flag in flags if flag.got_value)


def refusal(flags: Iterable[Argument]) -> str:
    """Why what was typed is refused, as one sentence; empty when nothing is."""
    for flag in given(flags):
        said = FLAGS.get(long_name(flag), UNKNOWN)
        if said not in (HONOURED, COMMANDS):
            return f"{spelt(flag)}: {said}"
    return ""


def refusal_by_task(flags: Iterable[Argument], task: str, own: Iterable[str]) -> str:
    """Why a task of Coop refuses a flag that is about `c.run`; empty when none was typed. `own`: the task's flags."""
    for flag in given(flags):
        name = long_name(flag)
        if FLAGS.get(name) == COMMANDS:
            hint = f"its own is inv {task} --{name}" if name in own else "fab -H NAME -- COMMAND takes it"
            return f"{spelt(flag)} is about commands that Fabric runs, and {task} runs none by it ({hint})"
    return ""


def long_name(flag: Argument) -> str:
    """What the table calls it."""
    return max(flag.names, key=len)


def spelt(flag: Argument) -> str:
    """As a manual names it: --prompt-for-passphrase, -i/--identity."""
    return "/".join(("-" if len(name) == 1 else "--") + name for name in sorted(flag.names, key=len))
