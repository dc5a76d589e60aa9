"""What emulates machines: Debian's QEMU with its firmware, as a layer over the machines' root. The QEMU of Debian 12, on which a
lab may run, miscomputes an instruction that kernels use."""
from __future__ import annotations

from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

PACKAGES = ("qemu-system-x86", "ovmf", "seabios", "ipxe-qemu")


def install(job: Job) -> None:
    """The layer in job.out/root."""
    debian.layer(job, job[machine_root] / "root", PACKAGES)


emulator = Part("emulator", install, inputs=(machine_root,), turn="apt")
