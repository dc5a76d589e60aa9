"""Programs of Debian's packages for metrics, unpacked and not installed: what tests check and run rooster's settings with."""
from __future__ import annotations

import shutil

from lab.forge.components import Download
from lab.forge.job import Job
from lab.forge.part import Part

PACKAGES = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "prometheus-node-exporter", "promtool")


def unpack(job: Job) -> None:
    """job.out/usr. Beside their own files, none of them needs more than Debian's libc."""
    download = Download.begin(job)
    for package in PACKAGES:
        for folder in ("usr/bin", "usr/share/prometheus"):
            if (there := download.unpacked(package) / folder).is_dir():
                shutil.copytree(there, job.out / folder, symlinks=True, dirs_exist_ok=True)


#: Built only when tests ask for it. What it has changes with the mirror; what is built is kept until these lines change.
programs = Part("metrics-programs", unpack, turn="apt")
