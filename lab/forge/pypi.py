"""Packages from the Python package index, by uv: pip needs four times its CPU time for the same files (docs/performance.md)."""
from __future__ import annotations

from pathlib import Path

from lab.forge import uv
from lab.forge.job import Job


def install(job: Job, target: Path, *wanted: str | Path) -> None:
    """Wheels below `target`, without what they depend on; `wanted` are uv's own words: names and options."""
    environment = uv.environment(job.run(*uv.PIP_CONFIGURATION))
    job.run(uv.PROGRAM, "pip", "install", "--no-config", "--quiet", "--no-deps", "--only-binary", ":all:",
            "--link-mode", "hardlink", "--cache-dir", job.scratch("uv"), "--target", target, *wanted, env=environment)
    (target / ".lock").unlink(missing_ok=True)
