"""Programs that run on the rack's machines, each a file of its own language: read as text, never imported.

    release.sh       what an upgrade of a release, its way back and its proof have in common
    upgrade.sh       an upgrade that is proved, or taken back
    rollback.sh      a former revision that is brought back, and proved
    rollback_plan.sh what that would do
    restart.sh       a hub that starts again
    prove.sh         the revision that runs, proved
    look.sh          how a release is, compared with what it should be
    others.sh        who else has set fields of it
    database.sh      runs database.py
    hub.sh           how a hub is: its release, pods, nodes, pages, API
    pods.py          what pods wait for, and whether waiting can help
    database.py      a hub's database from the gateway: copied, looked at, brought back
    inside.py        the same in a pod that mounts it
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

HERE = Path(__file__).parent


def shell(*names: str, **variables: str) -> str:
    """The variables, quoted, and then the text of these programs."""
    given = [f"{name}={quote(value)}" for name, value in variables.items()]
    return "\n".join([*given, *(text(f"{name}.sh") for name in names)])


def text(name: str) -> str:
    """A program as it lies here."""
    return (HERE / name).read_text()
