"""Helm 3, whose releases Coop's Helm 4 takes over. No rack gets it, and no site has it: only a test asks for it."""
from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs

HERE = Path(__file__).parent
VERSION = required(HERE)["helm.sh/helm/v3"]

programs = go_programs("helm3", HERE, Programs(stamp=(("helm.sh/helm/v3/internal/version.version", VERSION),)),
                       {"helm3": VERSION})
