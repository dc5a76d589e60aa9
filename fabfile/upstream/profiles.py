"""Profiles of a hub that are offered to members of some groups alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# KubeSpawner asks for the list when it shows the page, and again when a server starts: nobody gets round it by the hub's API
_FILTER = """\
ALL_PROFILES = c.KubeSpawner.profile_list

def profiles_of(spawner):
    theirs = {group.name for group in spawner.user.groups}
    return [one for one in ALL_PROFILES if one.get("slug") not in ONLY_FOR or theirs & set(ONLY_FOR[one["slug"]])]

c.KubeSpawner.profile_list = profiles_of
"""


def profile_values(groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """hub.extraConfig, which the hub runs when it has read the chart's profiles. `groups`: by a profile's slug, who is offered it."""
    only_for = {slug: sorted(names) for slug, names in sorted(groups.items())}
    return {"hub": {"extraConfig": {"00-profiles": f"ONLY_FOR = {only_for!r}\n{_FILTER}"}}} if only_for else {}
