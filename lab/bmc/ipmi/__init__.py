"""The program of a BMC that speaks IPMI: compiled as the forge's other Go programs are, once."""

from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs
from lab.forge.golang import programs as go_programs

programs = go_programs("ipmi-bmc", Path(__file__).parent, Programs(package="."))


def program() -> Path:
    """Where it lies; compiled first if need be."""
    from lab.forge.order import make
    from lab.places import forge_cache

    return make(programs, forge_cache(), lambda event: None).folder(programs) / "bin/ipmi"
