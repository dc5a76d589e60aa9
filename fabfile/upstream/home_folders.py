"""Which folder KubeSpawner mounts for a user."""

from __future__ import annotations

import hashlib
import re

LONGEST = 48
_PLAIN = r"[a-z]([a-z0-9]|-(?!-))*(?<!-)"
_FOLDER = re.compile(rf"{_PLAIN}(---[0-9a-f]{{8}})?")


def folder_of(user: str) -> str:
    """`{username}` as kubespawner 7 expands it: kubespawner/slugs.py, safe_slug with the max_length of _expand_user_properties in
    kubespawner/spawner.py. A name of small letters, digits and single hyphens that begins with a letter stays; of any other the folder is
    made, which ends with a hash. Such a folder's own name stays, too: it is what a person reads in a list of homes."""
    if _FOLDER.fullmatch(user) and len(user) <= LONGEST:
        return user
    kept = re.sub(r"[^a-z0-9]+", "-", user.lower()).lstrip("-")[:LONGEST - 11].rstrip("-")
    if kept and not re.match(r"[a-z]", kept):
        kept = f"x-{kept[:LONGEST - 13]}"
    return f"{kept or 'x'}---{hashlib.sha256(user.encode()).hexdigest()[:8]}"
