"""The rack's picture: one page, from the rack's files and the doctor's look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from pathlib import Path

    from invoke import Context


@task(help={"out": "Write this file; only a page of this task is overwritten. Default: print the page.",
            "offline": "Only what the rack's files say, without connecting."})
def picture(c: Context, out: str | None = None, offline: bool = False) -> None:
    """Make one page (HTML) of the rack and its health.

    Machines, networks, services and published names, and what the doctor
    finds: to print, or to show in a browser. Changes nothing on the machines.
    """
    from pathlib import Path

    from fabfile.rules.examine import examine
    from fabfile.screen.picture import as_page
    from fabfile.tasks.leader import connected
    from fabfile.tasks.local_files import write
    from fabfile.tasks.looking import look
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    file = page_file(Path(out)) if out is not None else None
    if offline:
        page = as_page(rack)
    else:
        with connected(rack) as ways:
            seen, _ = look(rack, ways)
        page = as_page(rack, seen, examine(seen))
    if file is None:
        print(page, end="")
    else:
        write(file, page, 0o644)


def page_file(path: Path) -> Path:
    """The file, through links: one that is not there yet, or a page of an earlier run."""
    from fabfile.screen.picture import MADE_BY

    file = path.expanduser().resolve()
    if not file.parent.is_dir():
        raise Exit(f"there is no folder {file.parent}", code=2)
    if file.exists():
        if not file.is_file():
            raise Exit(f"{file} is no file", code=2)
        with file.open("rb") as opened:
            if opened.read(len(MADE_BY)) != MADE_BY.encode():
                raise Exit(f"{file} is no page of inv rack.picture: it is not overwritten", code=2)
    return file
