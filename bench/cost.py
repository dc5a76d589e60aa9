"""The cost of one run of a tool: processor time here and on the machines, elapsed time, network traffic."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass

from lab.cgroups import Groups
from lab.plan import Plan

from .field import PROJECT, ROOSTER_CABLE, Field
from .tools import Tool
from .wire import Tap

GROUP = "controller"
SESSION = "Starting session:"  # what sshd says of each exec channel and each sftp session


class RunFailed(Exception):
    """A tool did not bring the machines to the role. The message says which, and what it said last."""


@dataclass(frozen=True)
class Counts:
    """What one machine's connections carried, on average."""

    connections: float
    channels: float
    round_trips: float
    bytes: float
    asked: float | None = None  # by the tool's own count, of what it asked for and waited


@dataclass(frozen=True)
class Cost:
    """Seconds. `controller` and `machines` are processor time; rooster counts as a machine."""

    wall: float
    controller: float
    machines: float
    counts: Counts | None = None

    @property
    def cpu(self) -> float:
        return self.controller + self.machines


def run(field: Field, tool: Tool, edition: int, *, count: bool = False) -> Cost:
    """One run, measured. `count` looks at the wire too, which costs processor time that is not the tool's.

    Raises RunFailed.
    """
    groups = Plan.read(field.lab.places.plan).groups
    groups.make(GROUP)
    log = field.folder / f"{tool.name}.log"
    command = tool.command(field, edition)
    environment = {**os.environ, **tool.environment(field)}

    def become() -> None:  # in the child: all that it starts is counted, also what outlives it
        groups.join(GROUP)
        field.stand()

    began = time.time()
    with ExitStack() as stack:
        tap = Tap(field.lab.places.namespace_path("inner"), ROOSTER_CABLE)
        if count:
            stack.enter_context(tap)
        before, clock = spent(groups, field), time.monotonic()
        with log.open("w") as said:
            done = subprocess.run(command, cwd=PROJECT, env=environment, preexec_fn=become,
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        wall, after = time.monotonic() - clock, spent(groups, field)
    tool.close(field)
    if done.returncode not in tool.ends:
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-12:])
        raise RunFailed(f"{tool.name} ended with {done.returncode} on {field.title}:\n  {tail}")
    counts = None
    if count:
        carried, size = tap.traffic().values(), field.size
        counts = Counts(sum(each.connections for each in carried) / size, channels(field, began) / size,
                        sum(each.round_trips for each in carried) / size,
                        sum(each.sent + each.received for each in carried) / size, tool.asked(field))
    return Cost(wall, after[0] - before[0], after[1] - before[1], counts)


def spent(groups: Groups, field: Field) -> tuple[float, float]:
    """Seconds of processor time so far: the controller's, and the machines'."""
    boxes = field.lab.status()  # a machine without power has no group, and uses nothing
    return groups.cpu(GROUP), sum(groups.cpu(name) for name in field.hosts["machines"] if boxes[name].pid)


def channels(field: Field, since: float) -> int:
    """How many exec channels and sftp sessions the chicks' sshds have opened since then."""
    total = 0
    for name in field.chicks:
        said = field.lab.run(name, "journalctl", "-q", "-o", "cat", "-t", "sshd-session",
                             f"--since=@{since:.3f}", check=False)
        total += said.stdout.count(SESSION)
    return total
