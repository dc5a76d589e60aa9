"""What a swarm needs beside the roots: a small package repository of its own."""
from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.forge import apt, deb, debian
from lab.forge.internet import internet_root
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

VERSION = "1.0-1"
HOMEPAGE = "https://swarm.flock.example"

WORDS = "peep\ncluck\nscratch\nroost\n"

SAY = """\
#!/bin/sh
# Says one of the flock's words, by its number.
exec sed -n "${1:-1}p" /usr/share/flock/words
"""

BEACON = """\
#!/bin/sh
# Says the flock's first word again and again, every INTERVAL seconds of its settings.
. /etc/flock/beacon.conf
while flock-say 1 >/run/flock-beacon; do sleep "$INTERVAL"; done
"""

UNIT = """\
[Unit]
Description=The flock's beacon

[Service]
ExecStart=/usr/bin/flock-beacon

[Install]
WantedBy=multi-user.target
"""

signing_key = apt.signing_key("swarm", "The swarm's packages")


def packages(scripts: Path) -> Iterator[deb.Package]:
    """Words, a program that says them, and a daemon that runs it: each needs the one before.

    The daemon is neither enabled nor started by its package: that is for a role.
    """
    yield deb.Package("flock-words", VERSION, "what a flock says", {"usr/share/flock/words": WORDS}, HOMEPAGE)
    yield deb.Package("flock-say", VERSION, "says what a flock says", {"usr/bin/flock-say": scripts / "say"},
                      HOMEPAGE, {"Depends": "flock-words"})
    yield deb.Package("flock-beacon", VERSION, "a daemon that says what a flock says", {
        "usr/bin/flock-beacon": scripts / "beacon", "usr/lib/systemd/system/flock-beacon.service": UNIT,
        "etc/flock/beacon.conf": "INTERVAL=86400\n",
    }, HOMEPAGE, {"Depends": "flock-say"})


def publish(job: Job) -> None:
    """www/ is a flat repository: the packages, their signed index, key.asc."""
    scripts, base = job.out / "scripts", job.out / "www"
    scripts.mkdir()
    for name, text in (("say", SAY), ("beacon", BEACON)):
        (scripts / name).write_text(text)
        (scripts / name).chmod(0o755)
    for package in packages(scripts):
        deb.pack(job, package, base)
    shutil.rmtree(scripts)
    apt.publish(job, base, signing_key, {"Origin": "swarm", "Label": "swarm"})
    (base / "key.asc").write_bytes((job[signing_key] / "public.asc").read_bytes())


def install_python(job: Job) -> None:
    """A layer over the machines' root in job.out/root: Python, for a tool that needs it on machines."""
    lists = debian.layer(job, job[machine_root] / "root", ("python3", "python3-apt")) / "var/lib/apt/lists"
    lists.mkdir(parents=True, exist_ok=True)
    os.utime(lists, (0, 0))  # by their age Ansible tells whether they are to be fetched


python = Part("swarm-python", install_python, inputs=(machine_root,), turn="apt")

#: The roots come with it: who has this part can bring a swarm up.
part = Part("swarm", publish, inputs=(machine_root, internet_root, signing_key))
