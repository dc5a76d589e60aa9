"""Debian programs for images: each with the libraries it needs, and nothing else."""
from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

from lab.forge import debian
from lab.forge.elf import needed_by
from lab.forge.job import Job
from lab.forge.oci import DEBIAN_LINKS, SKELETON, Entry, Files, Link
from lab.forge.part import Part
from lab.forge.root import machine_root

PACKAGES = ("bird", "busybox", "conntrack", "ipset", "iptables", "nftables", "runc", "runit")

#: BIRD 1.6, whose syntax Calico's templates speak, left Debian after this release.
OLDER = ("bookworm",)

LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")


def install(job: Job) -> None:
    """A layer over the machines' root in job.out/root, to be picked from."""
    debian.layer(job, job[machine_root] / "root", PACKAGES, older=OLDER)


userland = Part("userland", install, inputs=(machine_root,), turn="apt")

#: What a part that picks programs needs as inputs.
INPUTS = (machine_root, userland)


class Programs:
    """The programs of the userland, seen as the one root that layer and root make together."""

    def __init__(self, job: Job) -> None:
        self._layers = (job[userland] / "root", job[machine_root] / "root")

    def path(self, name: str) -> Path:
        """The file of that path within the root; FileNotFoundError if there is none."""
        for layer in self._layers:
            if os.path.lexists(layer / name):
                return layer / name
        raise FileNotFoundError(f"{name} is in no layer of the userland")

    def glob(self, pattern: str) -> list[str]:
        return sorted({str(path.relative_to(layer)) for layer in self._layers
                       for path in layer.glob(pattern)})

    def pick(self, names: Iterable[str]) -> dict[str, Entry]:
        """The files of `names` for an image, with all libraries they need and every link on the way."""
        found: dict[str, Entry] = {**SKELETON, **DEBIAN_LINKS}
        wanted = list(names)
        while wanted:
            name = _in_usr(wanted.pop())
            if name in found:
                continue
            file = self.path(name)
            found[name] = file
            if file.is_symlink():
                beside = posixpath.join("/", posixpath.dirname(name), os.readlink(file))
                wanted.append(posixpath.normpath(beside))
            else:
                wanted += map(self._library, needed_by(file))
        return found

    def _library(self, name: str) -> str:
        if name.startswith("/"):
            return name
        return next(path for folder in LIBRARIES for path in self.glob(f"{folder}/{name}"))

    def busybox(self, job: Job) -> dict[str, Entry]:
        """BusyBox with all its names, and a ping that can forbid fragments: a small Unix."""
        program = self.path("usr/bin/busybox")
        library = self.path(LIBRARIES[0] + "/libc.so.6").parent
        applets = job.run(library / "ld-linux-x86-64.so.2", "--library-path", library, program, "--list")
        links: Files = {f"usr/bin/{applet}": Link("busybox") for applet in applets.split()}
        return {**links, **self.pick(["usr/bin/busybox", "usr/bin/ping"])}


def _in_usr(path: str) -> str:
    """"usr/lib/ld.so" for "/lib/ld.so": where the file truly lies."""
    path = path.strip("/")
    return f"usr/{path}" if path.partition("/")[0] in ("bin", "sbin", "lib", "lib64") else path
