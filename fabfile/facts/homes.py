"""The homes of a file server: what each takes of its quota, and the versions of their files in snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fabfile.programs import shell
from fabfile.upstream.home_folders import folder_of


@dataclass(frozen=True)
class Home:
    """One home; a quota of 0 is none."""

    name: str  # NAMESPACE/HOME
    used: int
    quota: int
    files: int

    @property
    def percent(self) -> int:
        return round(100 * self.used / self.quota) if self.quota else 0


@dataclass(frozen=True)
class Version:
    """A file as it was from a snapshot on, until the next version; `snapshot` is "now" for what is there."""

    snapshot: str
    made: int
    changed: int
    size: int | None  # None: there was none


def usage_question(dataset: str) -> str:
    """Shell text for the file server."""
    return shell("homes_usage", dataset=dataset)


def versions_question(dataset: str, home: str, path: str) -> str:
    """The same, for a file or folder of a home."""
    return shell("homes_versions", dataset=dataset, home=home, path=path)


def restoring(dataset: str, version: Version, home: str, path: str) -> str:
    """Shell text that restores it as it was then, under a name with that time; "." is the whole home."""
    name = f"{'home' if path == '.' else path.rpartition('/')[2]}.{stamp(version.made)}"
    return shell("homes_restore", dataset=dataset, snapshot=version.snapshot, home=home, path=path, name=name)


def quota_changes(users: Mapping[str, str], hubs: Sequence[str], home: str, size: str) -> dict[tuple[str, ...], str | None]:
    """What is to be edited in configs/storage.yaml so that a home, NAMESPACE/HOME, has this quota; "" is what every home has. The file
    may have it by its user's name."""
    bare = home.rpartition("/")[2]
    names = [home, bare] if len(hubs) == 1 else [home]
    folders = {user: f"{user[:user.rfind('/') + 1]}{folder_of(user.rpartition('/')[2])}" for user in users}
    there = sorted((user for user, folder in folders.items() if folder in names), key=lambda user: "/" not in user)
    if not size:
        return {("homes", "users", name): None for name in there}
    return {("homes", "users", name): size for name in there or names[-1:]}


def parse_usage(answer: str) -> list[Home]:
    """The fullest first, from the answer of homes_usage.sh."""
    lines = [line.split(" ", 2) for line in answer.splitlines()]
    used: Mapping[str, list[int]] = {one[1]: [int(number) for number in one[2].split()] for one in lines if one[0] == "used"}
    homes = [Home(one[2], *used.get(one[1], [0, 0, 0])) for one in lines if one[0] == "home"]
    return sorted(homes, key=lambda home: (-home.percent, -home.used, home.name))


def parse_versions(answer: str) -> list[Version]:
    """Oldest first, from the answer of homes_versions.sh."""
    found = []
    for words in map(str.split, answer.splitlines()):
        match words:
            case [snapshot, made, "absent"]:
                found.append(Version(snapshot, int(made), 0, None))
            case [snapshot, made, changed, size]:
                found.append(Version(snapshot, int(made), int(changed), int(size)))
    return found


def at(versions: list[Version], moment: str) -> Version | None:
    """The version of that time, an ISO 8601 time in UTC or a snapshot's name; without one, the last that is in a snapshot.
    None where there was none. Raises ValueError for what is no time."""
    kept = [version for version in versions if version.snapshot != "now"]
    if not moment:
        return next((version for version in reversed(kept) if version.size is not None), None)
    if named := [version for version in kept if version.snapshot == moment]:
        return named[0]
    when = datetime.fromisoformat(moment)
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    before = [version for version in kept if version.made <= seconds]
    return before[-1] if before and before[-1].size is not None else None


def stamp(seconds: int) -> str:
    """ "2026-11-08T1200", in UTC: as part of a file's name, too."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H%M}"
