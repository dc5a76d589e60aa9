"""What emulated machines need: the emulator, components for Debian's installer, and what it begins a system with."""
from __future__ import annotations

from lab.forge.components import components
from lab.forge.emulator import emulator
from lab.forge.installer_base import base
from lab.forge.job import Job
from lab.forge.part import Part

__all__ = ["base", "components", "emulator", "part"]


def nothing(job: Job) -> None:
    """It is in the inputs."""


part = Part("metal", nothing, inputs=(emulator, components, base))
