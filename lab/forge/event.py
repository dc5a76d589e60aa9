"""The forge's events and errors."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.forge.schedule import Work

State = Literal["cached", "waiting", "building", "built", "failed"]


@dataclass(frozen=True)
class Event:
    """One part came into a new state."""

    part: str
    state: State
    #: Seconds it took: known when built or failed.
    seconds: float | None = None
    #: Seconds it usually takes, if that is known.
    usual: float | None = None
    #: What it waits for: known when waiting.
    work: Work | None = None


class ForgeError(Exception):
    """A recipe failed. The message is for a person: the part, the command, what it said last, the log."""

    def __init__(self, part: str, problem: str, log: Path | None = None) -> None:
        super().__init__(f"{part}: {problem}" + (f"\n  whole log: {log}" if log else ""))
        self.part = part
        self.log = log
