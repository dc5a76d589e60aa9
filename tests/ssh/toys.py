"""Small resources for the swarm, and a run of them in a process of its own, so that it can be killed.

    python toys.py SCENARIO        with COOP_RACK set; prints plain lines, ends as a task would
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from fabfile.engine.step import Step  # noqa: E402
from fabfile.resources.base import Change, Command, RemoteValue, Resource  # noqa: E402


@dataclass(frozen=True)
class Text(Resource):
    """A file with this content. `slow` seconds pass before it is there, or until the shell condition `after` holds.

    `long`: its command outlives the line.
    """

    path: str
    content: str
    slow: float = 0
    after: str = ""
    long: bool = False
    fails: bool = False
    limit: float = 60
    undo: str = ""
    first: str = ":"
    remote_values: tuple[RemoteValue, ...] = ()

    @property
    def name(self) -> str:
        return f"file {self.path}"

    def probe(self) -> str:
        return f"cat {quote(self.path)} 2>/dev/null || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts == self.content:
            return
        path = quote(self.path)
        waits = f"until {self.after}; do sleep 0.1; done" if self.after else f"sleep {self.slow}"
        script = "\n".join([self.first, f"echo begun >>{path}.runs", waits,
                            "echo it cannot be; false" if self.fails else ":",
                            f"printf %s {quote(self.content)} >{path}"])
        yield Change(f"it says {facts!r}, should say {self.content!r}",
                     (Command(script, long=self.long, limit=self.limit, shown=f"write {self.path}"),),
                     undo=self.undo, remote_values=self.remote_values, alters=frozenset({f"file:{self.path}"}))


def always(*resources: Resource):
    """A role that wants these everywhere."""
    return lambda rack, machine: resources


def plain(rack) -> list[Step]:
    return [Step("gateway", (rack.gateway,), always(Text("/etc/one", "1"))),
            Step("chicks", rack.chicks, always(*(Text(f"/etc/toy{i}", f"{i} it's ✓\n") for i in range(12))))]


def long(rack) -> list[Step]:
    """Its first command takes until somebody lets it go."""
    first = Text("/etc/slow", "done", after="[ -e /run/go ]", long=True, limit=600)
    return [Step("install", rack.chicks, always(first, Text("/etc/after", "1")))]


def long_on_a_worker(rack) -> list[Step]:
    """The same, on workers alone."""
    (step,) = long(rack)
    return [Step(step.name, rack.workers, step.role)]


def short(rack) -> list[Step]:
    first = Text("/etc/slow", "done", slow=4)
    return [Step("install", rack.chicks, always(first, Text("/etc/after", "1")))]


def gateway(rack) -> list[Step]:
    return [Step("gateway", (rack.gateway,), always(Text("/etc/slow", "done", slow=4)))]


def one_by_one(rack) -> list[Step]:
    """The chicks wait, looked at and locked, while rooster works."""
    return [*gateway(rack), Step("chicks", rack.chicks, always(Text("/etc/after", "1")))]


def borrowing(rack) -> list[Step]:
    lender = rack.leader.name
    token = RemoteValue("TOKEN", lender, "echo given >>/run/tokens; echo s3cr3t-t0ken-0123456789",
                     "a token of 15 minutes", 'echo "back $TOKEN" >>/run/tokens')
    use = 'printf %s "$TOKEN" >/etc/token; sleep 3'
    join = Text("/etc/joined", "1", first=use, long=True, remote_values=(token,))
    return [Step("join", rack.workers, always(join))]


SCENARIOS = {each.__name__: each for each in (plain, long, long_on_a_worker, short, gateway, one_by_one, borrowing)}


def main() -> None:
    from invoke import Exit

    from fabfile.tasks.converge import converge
    try:
        converge(f"toy.{sys.argv[1]}", SCENARIOS[sys.argv[1]], dry="--dry" in sys.argv,
                 json="--json" in sys.argv)
    except Exit as end:
        print(end.message or "", file=sys.stderr)
        sys.exit(end.code)


if __name__ == "__main__":
    main()
