"""A rule: a pure function from one look at the rack to the findings of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fabfile.engine.causes import cause
from fabfile.facts.look import Look
from fabfile.finding import Finding

Found = Iterator[Finding]


@dataclass(frozen=True)
class Rule:
    """`name` says what is wrong, `subject` is the file that it is in, `about` when it finds something. Its findings explain those
    of the rules in `here` on the same machine, and those of the rules in `everywhere` on any."""

    name: str
    subject: str
    about: str
    find: Callable[[Look], Found]
    here: frozenset[str]
    everywhere: frozenset[str]


def rule(here: Iterable[str] = (), everywhere: Iterable[str] = ()) -> Callable[[Callable[[Look], Found]], Rule]:
    """Makes a rule of a function; its docstring is `about`."""
    def made(find: Callable[[Look], Found]) -> Rule:
        return Rule(find.__name__, find.__module__.rpartition(".")[2], " ".join((find.__doc__ or "").split()), find,
                    frozenset(here), frozenset(everywhere))
    return made


RESTORE = "inv rack.restore"

# -- the words of findings -------------------------------------------------------------------------------------------------


def apply(machine: str) -> str:
    """What makes a machine as the rack's files say."""
    return f"inv cluster.bootstrap --limit {machine}"


def on(machine: str, command: str) -> str:
    """A command for a machine's root, of plain words."""
    return f"fab -H {machine} -- sudo {command}"


def on_shell(machine: str, text: str) -> str:
    """Shell text for a machine's root: quoted once for the operator's shell, and once for that of the machine."""
    inner = "".join(f"\\{letter}" if letter in '\\"$`' else letter for letter in text)
    return f"fab -H {machine} -- '" + f'sudo sh -c "{inner}"\''


def told(said: str) -> str:
    """What a program said at its end, or the cause that is known by that."""
    known = cause(said)
    return known.says if known else said
