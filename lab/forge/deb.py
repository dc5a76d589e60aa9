"""Debian packages."""
from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.forge.job import Job

#: Debian's own tools for a package's units: they keep what an administrator has disabled or masked as it is.
ENABLE = """\
deb-systemd-helper unmask {unit} >/dev/null || true
deb-systemd-helper --quiet was-enabled {unit} && deb-systemd-helper enable {unit} >/dev/null || true
"""
RELOAD = "[ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true\n"
START = """\
[ -z "$2" ] && verb=start || verb=restart
[ ! -d /run/systemd/system ] || deb-systemd-invoke $verb {unit} || true
"""


@dataclass(frozen=True)
class Package:
    """`files` by path: a file of this computer, or the text itself. Files below etc/ become conffiles."""

    name: str
    version: str
    summary: str
    files: Mapping[str, Path | str]
    homepage: str
    #: More lines of the control file: {"Depends": "libc6"}.
    fields: Mapping[str, str] = field(default_factory=dict)
    #: Enabled when installed.
    unit: str | None = None
    #: Also started when installed and restarted when upgraded.
    starts: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.version}_amd64.deb"

    def control(self) -> str:
        lines = {"Package": self.name, "Version": self.version, "Architecture": "amd64", "Section": "admin",
                 "Priority": "optional", "Maintainer": "The lab's forge <root@localhost>",
                 "Installed-Size": str(self.size() // 1024), **self.fields, "Homepage": self.homepage,
                 "Description": self.summary}
        return "".join(f"{key}: {value}\n" for key, value in lines.items())

    def size(self) -> int:
        """Bytes of all its files."""
        return sum(len(file.encode()) if isinstance(file, str) else file.stat().st_size
                   for file in self.files.values())

    def postinst(self) -> str:
        """The script that dpkg runs when the package is configured; "" if there is nothing to do."""
        has_units = any(path.startswith("usr/lib/systemd/") for path in self.files)
        body = ENABLE.format(unit=self.unit) if self.unit else ""
        body += RELOAD if has_units else ""
        body += START.format(unit=self.unit) if self.unit and self.starts else ""
        return f'#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\n{body}' if body else ""


def pack(job: Job, package: Package, into: Path) -> Path:
    """Write the .deb into the folder `into` and return its path."""
    tree = job.out / f"{package.name}.tree"
    for path, content in package.files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content)
        else:
            os.link(content, target)
    debian = tree / "DEBIAN"
    debian.mkdir()
    (debian / "control").write_text(package.control())
    conffiles = "".join(f"/{path}\n" for path in package.files if path.startswith("etc/"))
    for name, text in (("conffiles", conffiles), ("postinst", package.postinst())):
        if text:
            (debian / name).write_text(text)
            (debian / name).chmod(0o755 if name == "postinst" else 0o644)
    into.mkdir(parents=True, exist_ok=True)
    job.run("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, into / package.file_name)
    shutil.rmtree(tree)
    return into / package.file_name
