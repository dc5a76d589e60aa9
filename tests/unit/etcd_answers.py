"""What etcd says of its members."""

from __future__ import annotations

import json
from collections.abc import Collection

CHICKS = [f"chick{number}" for number in range(5)]


def etcd(members: int, silent: Collection[str] = (), unstarted: bool = False) -> str:
    """Of this many members, of which some do not answer."""
    listed: list[dict] = [{"ID": n, "name": name, "clientURLs": [f"https://{name}:2379"]} for n, name in enumerate(CHICKS[:members])]
    listed += [{"ID": 99, "peerURLs": ["https://new:2380"]}] if unstarted else []
    health = [{"endpoint": f"https://{name}:2379", "health": name not in silent} for name in CHICKS[:members]]
    return f"{json.dumps({'members': listed})}\n\n{json.dumps(health)}\n"
