"""Where the lab keeps its things: builds in the user's cache, each lab in one folder of the user's state."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "lab"


def forge_cache() -> Path:
    """The folder of all builds, shared by all labs and checkouts of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "forge"


def all_labs() -> Path:
    """The folder under which every lab of this user has one of its own."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "coop" / "labs"


@dataclass(frozen=True)
class Places:
    """The names and paths of one lab. What the kernel keeps bears its name, so labs live side by side."""

    name: str

    @classmethod
    def named(cls, name: str | None = None) -> Places:
        """The lab of that name, or of $COOP_LAB, or "lab". ValueError if a namespace cannot be named so."""
        name = name or os.environ.get("COOP_LAB") or DEFAULT_NAME
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):  # no dash: "a" must not be the beginning of "a-b"
            raise ValueError(f"a lab's name is a small letter and up to 15 more, or digits: not {name!r}")
        return cls(name)

    @property
    def folder(self) -> Path:
        return all_labs() / self.name

    @property
    def rack(self) -> Path:
        """A rack folder, for COOP_RACK."""
        return self.folder / "rack"

    @property
    def key(self) -> Path:
        """The operator's private key."""
        return self.folder / "id_ed25519"

    @property
    def authority(self) -> Path:
        """The certificate authority that the lab's machines trust."""
        return self.folder / "ca"

    @property
    def internet(self) -> Path:
        return self.folder / "internet"

    @property
    def git(self) -> Path:
        """The bare repositories that the lab's git host serves: what is pushed to them is there at once."""
        return self.internet / "git"

    @property
    def shared(self) -> Path:
        """A folder that every machine sees."""
        return self.folder / "shared"

    @property
    def porch(self) -> Path:
        """Where it is written which address of this computer leads to the hub: 127.0.0.1:PORT."""
        return self.folder / "porch"

    @property
    def plan(self) -> Path:
        """What the supervisor reads at its start: machines, programs, control groups."""
        return self.folder / "plan.json"

    @property
    def control(self) -> Path:
        """The supervisor's socket."""
        return self.folder / "control"

    @property
    def log(self) -> Path:
        return self.folder / "supervisor.log"

    def machine(self, name: str) -> Path:
        """What belongs to one machine: its disk, its console, its process id."""
        return self.folder / "machines" / name

    @property
    def prefix(self) -> str:
        """The beginning of the names of everything that the kernel keeps for this lab."""
        return f"coop-{self.name}"

    def namespace(self, what: str) -> str:
        """The name of a network namespace, as `ip netns` knows it: of a machine, "internet" or "inner"."""
        return f"{self.prefix}-{what}"

    def namespace_path(self, what: str) -> Path:
        return Path("/run/netns") / self.namespace(what)
