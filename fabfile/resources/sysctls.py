"""Kernel settings, kept and live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote

from . import parts, sysctl_files
from .base import Change, Command, Resource, conflict
from .file import File
from .others import commented

_SWAPPED = str.maketrans("./", "/.")  # as sysctl(8) has it: net.ipv4.conf.eth0/7.… is net/ipv4/conf/eth0.7/…


@dataclass(frozen=True)
class Sysctls(Resource):
    """Kernel settings, set at once and kept in /etc/sysctl.d/GROUP.conf, where no other file sets them otherwise at boot."""

    group: str
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"sysctls {self.group}"

    def file(self) -> File:
        """What sets them at the next boot."""
        return File(f"/etc/sysctl.d/{self.group}.conf",
                    "".join(f"{key} = {value}\n" for key, value in self.settings.items()))

    def probe(self) -> str:
        # One process for all; the shell's own `read` takes a byte at a time, and of a number the kernel gives
        # the first byte alone.
        paths = " ".join(quote(_path(key)) for key in self.settings)
        return parts.probe(f"grep -Hs '' -- {paths} || :", self.file().probe(),
                           sysctl_files.probe(self.settings))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        live, kept, others = parts.facts(facts, 3)
        found = dict(line.split(":", 1) for line in live.split("\n") if ":" in line)
        for line in sysctl_files.later(others, self.file().path, self.settings):
            yield conflict(line.path, f"{line.path}:{line.number} sets {line.key} to {line.value} at every boot, after Coop's "
                           f"{self.file().path}", commented(line.path, {line.number: line.text}))
        yield from self.file().changes(kept, altered)
        for key, wanted in self.settings.items():
            value = " ".join(found.get(_path(key), "").split())  # the kernel puts tabs between numbers
            if value != " ".join(wanted.split()):
                yield Change(f"{key} is {value or 'absent'}, should be {wanted}",
                             (Command(f"sysctl -q -w {quote(f'{key}={wanted}')}"),))


def _path(key: str) -> str:
    return "/proc/sys/" + key.translate(_SWAPPED)
