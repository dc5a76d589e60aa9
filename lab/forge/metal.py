"""What emulated machines need: the emulator, and components for Debian's installer."""
from __future__ import annotations

from lab.forge.components import components
from lab.forge.emulator import emulator
from lab.forge.job import Job
from lab.forge.part import Part

__all__ = ["components", "emulator", "part"]


def nothing(job: Job) -> None:
    """It is in the inputs."""


part = Part("metal", nothing, inputs=(emulator, components))
