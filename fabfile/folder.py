"""Where the rack's folder is. It costs nothing to import: `inv --list` asks, too."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]  # a clone of Coop has a rack of its own


def find_rack_folder() -> Path | None:
    """The folder of COOP_RACK; else the nearest one, from here upward, with a hosts.yaml; else the clone's own."""
    if named := os.environ.get("COOP_RACK"):
        return Path(named).expanduser().resolve()
    return next((folder for folder in (*upward(), PROJECT) if (folder / "hosts.yaml").is_file()), None)


def upward() -> tuple[Path, ...]:
    """The folder where somebody stands, and those above it; none when it has been deleted meanwhile."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return ()
    return (here, *here.parents)
