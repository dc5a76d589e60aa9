"""Pebble, Let's Encrypt's own test server, for the lab's internet: a layer over the machines' root."""
from __future__ import annotations

from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

PACKAGES = ("pebble",)


def install(job: Job) -> None:
    """The layer in job.out/root: mount it over the machines' root."""
    debian.layer(job, job[machine_root] / "root", PACKAGES)


acme_root = Part("acme-root", install, inputs=(machine_root,), turn="apt")
