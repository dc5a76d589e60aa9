"""The git host of one lab: its own copy of what the forge publishes, so that one may push to it.

It is served as plain files, which git reads over HTTP with no program behind; a push brings their lists up to
date.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.forge.git_host import HOST, REPOSITORY

HOOK = "#!/bin/sh\nexec git update-server-info\n"


def own_copy(www: Path, place: Path) -> dict[str, Path]:
    """Copy the host's repositories to `place`; returns what to share with the web server beside www."""
    shutil.copytree(www / HOST, place, dirs_exist_ok=True)
    hook = place / REPOSITORY / "hooks/post-update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    return {f"srv/www/{HOST}": place}
