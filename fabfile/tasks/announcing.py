"""An announcement in a hub's file, which its next upgrade shows on the hub's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.rack import Rack
    from fabfile.rack.services import Service


def write_announcement(rack: Rack, service: Service, told: str | None, dry: bool = False) -> bool:
    """Whether that changes the file; None removes what it has. With `dry` the difference is shown, and nothing written."""
    from fabfile.rack.editing import edited
    from fabfile.tasks.local_files import rewrite
    from fabfile.upstream.announcement import changes
    from fabfile.upstream.release import file_of, place_of

    file = rack.folder / file_of(service)
    before, after = rewrite(file, lambda content: edited(content, changes(tuple(map(str, place_of(service))), told)), dry=dry)
    if dry and before != after:
        from fabfile.screen.scan import diff
        print(diff(before, after, file.name), end="")
    return before != after
