"""What Debian's installer begins a new system with, made once by the same debootstrap: under emulation it takes most of the time.

An installer of the lab takes it instead of running debootstrap, unless it takes its components from the suite `whole`.
"""
from __future__ import annotations

import shutil

from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part

FILE = "base.tar"

#: These the installer has written before.
WRITTEN = ("etc/fstab", "etc/hostname", "etc/hosts", "etc/network/interfaces", "etc/networks", "etc/resolv.conf")


def bootstrap(job: Job) -> None:
    """job.out/base.tar: the packages that Debian calls required and important."""
    root = job.scratch("installer-base")
    env = {"http_proxy": given} if (given := debian.proxy(job)) else {}
    job.run("debootstrap", f"--keyring={debian.KEYRING}", f"--cache-dir={job.scratch('debs')}", debian.SUITE, root, debian.mirror(),
            env=env)
    shutil.rmtree(root / "var/cache/apt/archives")
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    job.run("tar", "--create", "--file", job.out / FILE, "--numeric-owner", "--sort=name", "--one-file-system",
            *(f"--exclude=./{name}" for name in WRITTEN), "--directory", root, ".")


base = Part("installer-base", bootstrap, turn="apt")
