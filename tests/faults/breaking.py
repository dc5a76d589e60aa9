"""An operator's process that can be made to stand still: what is typed after `inv`, on a real rack.

    python breaking.py SETTINGS WORDS…

SETTINGS is JSON: `record`, a file for every command that is sent and answered; `point`, where to stand still, or
null; `told` and `go`, two pipes: it says there that it stands, and waits here until it may go on. The words are
those of a task, or `swarm.role`. All of it is the product, but for the watch before its shells.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(Path(__file__).parent)]

from stopping import Point, Sent, Watch, Watched  # noqa: E402


def main(settings: dict, words: list[str]) -> None:
    from fabfile.engine import run

    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this process's parent had made of it
    real, point = run.run, settings["point"]
    record = open(settings["record"], "a")  # noqa: SIM115  until the process ends
    watch = Watch(record, Point(Sent(**point.pop("at")), **point) if point else None,
                  lambda: stand(settings["told"], settings["go"]))
    run.run = lambda *args, ways, **more: real(*args, ways=Watched(ways, watch), **more)
    if words[0] == "swarm.role":
        role(words)
    else:
        from invoke.main import program
        program.run(["inv", *words])


def stand(told: int, go: int) -> None:
    """Says that the point is reached, and waits."""
    os.write(told, b"here\n")
    os.read(go, 1)


def role(words: list[str]) -> None:
    """The swarm's role, as a task would run it."""
    from invoke import Exit
    from scenario import steps

    from fabfile.tasks.converge import converge

    try:
        converge("swarm.role", steps, dry="--dry" in words, json="--json" in words)
    except Exit as end:
        print(end.message or "", file=sys.stderr)
        sys.exit(end.code)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
