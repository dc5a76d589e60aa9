"""What rooster knows of boots and installations: who is armed with which order, who has claimed it, what installers said.

Nothing of it is remembered by anybody: an order is a folder on rooster, and where it lies says how far it has come.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fabfile.programs import shell
from fabfile.resources.installation import BOOT, LOGS


@dataclass(frozen=True)
class Word:
    """One thing that a machine reported: "machine" (what it is), "refused" (why it wrote nothing), "hostkey" (of its sshd in
    RAM), "progress", "failed", "finished"; or "shown": somebody has seen its result."""

    name: str
    time: int
    text: str


@dataclass(frozen=True)
class Ordered:
    """One order of one machine."""

    id: str
    state: str  # armed, claimed, finished, expired, withdrawn
    since: int
    about: Mapping[str, str]  # the order's own lines: machine, kind, who, when, expires, disks
    words: tuple[Word, ...] = ()

    @property
    def kind(self) -> str:
        """A name in KINDS."""
        return self.about.get("kind", "install")

    @property
    def disks(self) -> tuple[str, ...]:
        """Those that it writes."""
        return tuple(self.about.get("disks", "").split())

    def word(self, name: str) -> Word | None:
        """The last of that name."""
        return max((word for word in self.words if word.name == name), key=lambda word: word.time, default=None)


@dataclass(frozen=True)
class Boots:
    """All of it, by the machines' addresses."""

    now: int
    orders: Mapping[str, tuple[Ordered, ...]] = field(default_factory=dict)  # the newest first
    asked: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # when, and what: "GET /preseed.cfg"

    def order(self, address: str) -> Ordered | None:
        """The one that counts: armed, else the newest that was claimed, else the newest."""
        found = self.orders.get(address, ())
        return next((one for state in (("armed",), ("claimed", "finished")) for one in found if one.state in state),
                    found[0] if found else None)

    def report(self, address: str) -> Word | None:
        """The last that the machine reported of itself, for whichever order."""
        words = (order.word("machine") for order in self.orders.get(address, ()))
        return max(filter(None, words), key=lambda word: word.time, default=None)


def question() -> str:
    """Shell text for rooster."""
    return shell("boots", boot=BOOT, log=f"{LOGS}/access.log")


def long_word(address: str, order: str, name: str) -> str:
    """Shell text for rooster: what a machine reported at length, the last of that name."""
    return f"cat \"$(ls -t {BOOT}/at/{address}/said/{order}/*.{name} | head -n 1)\""


def parse(answer: str) -> Boots:
    """What an answer to the question tells."""
    now = 0
    asked: dict[str, tuple[int, str]] = {}
    orders: list[tuple[str, str, str, int, list[str]]] = []
    said: dict[tuple[str, str], list[Word]] = {}
    body: list[str] = []
    words: list[tuple[str, str, str, int, list[str]]] = []
    for line in answer.splitlines():
        match line.split(" "):
            case ["now", time]:
                now = int(time)
            case ["order", place, time]:
                address, _, folder = place.partition("/")
                kind, _, identity = folder.partition("-")
                body = []
                orders.append((address, kind, identity, int(time), body))
            case ["said", place, time]:
                address, _, order, name = place.split("/")
                body = []
                words.append((address, order, name.rpartition(".")[2], int(time), body))
            case ["asked", address, time, method, what, code]:
                if address not in asked or int(time) >= asked[address][0]:
                    asked[address] = int(time), f"{method} {what}" + ("" if code.startswith("2") else f" ({code})")
            case _ if line.startswith("|"):
                body.append(line[1:])
    for address, order, name, moment, text in words:
        said.setdefault((address, order), []).append(Word(name, moment, "\n".join(text)))
    found: dict[str, list[Ordered]] = {}
    for address, kind, identity, since, lines in orders:
        about = dict(line.partition(" ")[::2] for line in lines)
        order = about.get("id", identity)
        reported = tuple(said.get((address, order), ()))
        ends = [word.time for word in reported if word.name == "finished"] if kind == "claimed" else []
        found.setdefault(address, []).append(Ordered(order, "finished" if ends else kind, max(ends, default=since), about, reported))
    return Boots(now, {address: tuple(sorted(some, key=lambda one: -one.since)) for address, some in found.items()}, asked)


# -- before anything is armed ---------------------------------------------------------------------------------------------

_OFFER = re.compile(r"^offer (\S+) ?(\S*)$", re.MULTILINE)


def foreign_dhcp(interface: str) -> str:
    """Shell text for rooster: who else on this port gives addresses away."""
    return shell("foreign_dhcp", interface=interface)


def foreign_servers(answer: str) -> list[str] | None:
    """ "10.0.0.7 (52:54:00:…)" of each; None: it could not be asked."""
    if "asked" not in answer.split("\n"):
        return None
    return [f"{server} ({mac})" if mac else server for server, mac in _OFFER.findall(answer)]


def kernels(images: str, lists: str) -> str:
    """Shell text for rooster: the installer's kernel, and those that the mirror has components for."""
    return (f"echo \"kernel $(grep -a -o -m 1 '[0-9][0-9.]*[A-Za-z0-9.+~_-]* (debian-kernel' {images}/linux | cut -d ' ' -f 1)\"\n"
            f"curl -fsS --noproxy '*' --max-time 60 {lists} | gzip -dc | sed -n 's/^Kernel-Version: /components /p' | sort -u")


def misfit(answer: str) -> str:
    """Why the installer would find no components for its kernel; empty: it does."""
    own = re.findall(r"^kernel (\S+)$", answer, re.MULTILINE)
    there = re.findall(r"^components (\S+)$", answer, re.MULTILINE)
    if not own:
        return "Debian's installer is not on rooster: inv gateway.apply"
    if not there:
        said = " ".join(line for line in answer.splitlines() if not line.startswith(("kernel", "components")))
        return f"the mirror does not list the installer's components: {said or 'its list is empty'}"
    if own[0] not in there:
        return (f"rooster's installer has kernel {own[0]}, and the mirror has components for {', '.join(there)}: bring "
                "debian-installer-13-netboot-amd64 on rooster to the mirror's version")
    return ""
