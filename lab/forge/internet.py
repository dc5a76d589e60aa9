"""What the lab's internet runs on: web server, name server and clock, as a layer over the machines' root."""
from __future__ import annotations

from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

PACKAGES = ("nginx", "dnsmasq-base", "chrony", "openssl", "bind9-dnsutils", "tcpdump")


def install(job: Job) -> None:
    """The layer in job.out/root: mount it over the machines' root."""
    debian.layer(job, job[machine_root] / "root", PACKAGES)


internet_root = Part("internet-root", install, inputs=(machine_root,), turn="apt")
