"""`python -m lab.forge`: build everything, one plain line a change."""
from __future__ import annotations

import sys
import time

from lab.forge import Event, ForgeError, build
from lab.places import forge_cache


def main() -> int:
    began = time.monotonic()

    def tell(event: Event) -> None:
        if event.state in ("building", "built", "failed"):
            took = f"{event.seconds:6.1f} s" if event.seconds is not None else ""
            usual = f"(last time {event.usual:.0f} s)" if event.usual else ""
            line = f"{time.monotonic() - began:6.1f}  {event.part:<24} {event.state:<9} {took} {usual}"
            print(line.rstrip(), flush=True)

    try:
        site = build(forge_cache(), tell)
    except ForgeError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("root", "internet", "www", "tools"):
        print(f"{name:<9} {getattr(site, name)}")
    print(f"{time.monotonic() - began:.1f} s")
    return 0


sys.exit(main())
