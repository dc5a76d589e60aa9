"""`python -m lab.forge`: build everything that a lab's internet publishes."""
from __future__ import annotations

import sys
import time

from lab.forge import ForgeError, build
from lab.places import forge_cache
from lab.screen import progress


def main() -> int:
    began = time.monotonic()
    try:
        with progress() as tell:
            site = build(forge_cache(), tell)
    except ForgeError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("root", "internet", "www", "tools"):
        print(f"{name:<9} {getattr(site, name)}")
    print(f"{time.monotonic() - began:.1f} s")
    return 0


sys.exit(main())
