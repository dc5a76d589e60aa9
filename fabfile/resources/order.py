"""What a machine may be armed with: the kinds of orders, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

KindName = Literal["install", "image", "look", "rescue", "rescue-write", "wipe", "burn-in"]


@dataclass(frozen=True)
class Kind:
    """What orders of one kind have a machine do. Each is claimed by one rename on rooster, before the first write."""

    writes: Literal["named", "all", "nothing"]  # disks; every other one is read-only
    does: str  # "NAME will …"
    doing: str  # once it is claimed
    done: str
    programs: tuple[str, ...] = ()  # fabfile/programs that run in RAM after the claim; none: Debian's installer runs
    consent: bool = False  # it waits, unclaimed, until somebody has agreed to what it reports of its disks
    installs: bool = False
    kept: bool = False  # its result is shown once, also to who comes when it has finished
    end: Literal["", "poweroff", "stay"] = ""  # where `programs` do not end it by themselves


KINDS: Mapping[str, Kind] = MappingProxyType({
    "install": Kind("named", "be installed by Debian's installer", "and writes its disks", "its installer has finished",
                    installs=True),
    "image": Kind("named", "get Debian 13 by an image", "and writes its disk", "its image is written", ("job", "door", "write"),
                  installs=True),
    "look": Kind("nothing", "report what it is made of, and switch itself off", "and looks at itself",
                 "it has reported what it is made of", ("job",), end="poweroff"),
    "rescue": Kind("nothing", "run an sshd in RAM, with every disk read-only", "and starts its sshd",
                   "its sshd runs in RAM, its disks read-only", ("job", "door"), end="stay"),
    "rescue-write": Kind("all", "run an sshd in RAM, with every disk writable", "and starts its sshd",
                         "its sshd runs in RAM, its disks writable", ("job", "door"), end="stay"),
    "wipe": Kind("named", "have disks emptied, and switch itself off", "and empties its disks", "its disks are empty",
                 ("job", "door", "wipe"), consent=True),
    "burn-in": Kind("nothing", "be put to work for hours, read its disks, and switch itself off", "and is at work",
                    "it was at work to the end", ("job", "door", "burn_in"), kept=True),
})


BEGINS = 514  # the MiB of a disk where the partition does that an image's file system is for


@dataclass(frozen=True)
class Image:
    """An image on rooster."""

    path: str  # as rooster serves it
    sha256: str
    size: int  # bytes of a disk that it needs
    system: str  # of install.yaml


@dataclass(frozen=True)
class Order:
    """One order for one machine: it may be claimed once."""

    id: str  # twelve hexadecimal digits
    machine: str
    wipe: tuple[str, ...] = ()  # disks, by id, of which whatever lies there may go
    former: bool = False  # what an earlier installation made there may go
    disks: tuple[str, ...] = ()  # by id, those that are written; the first one is the system's
    kind: KindName = "install"
    seconds: int = 0  # of work, for a burn-in
    image: Image | None = None  # that is written

    @property
    def about(self) -> Kind:
        """What its kind has the machine do."""
        return KINDS[self.kind]

    @property
    def in_ram(self) -> bool:
        """Whether the environment in RAM runs it, not Debian's installer."""
        return bool(self.about.programs)
