"""How long each part usually takes: its last time on this computer, else the time in times.yaml."""
from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.forge.part import Part
    from lab.forge.store import Store

SHIPPED = Path(__file__).with_name("times.yaml")


@functools.cache
def shipped() -> Mapping[str, float]:
    """Part → seconds on two quiet cores."""
    import yaml

    return yaml.safe_load(SHIPPED.read_text())


def usual_seconds(part: Part, store: Store) -> float:
    return store.usual(part) or float(shipped().get(part.name, 0.0))
