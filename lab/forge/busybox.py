"""The image that tests run in pods."""
from __future__ import annotations

from lab.forge import userland
from lab.forge.job import Job
from lab.forge.oci import Folder, Image, registry
from lab.forge.part import Part

REFERENCE = "docker.io/library/busybox:1.37"


def pack_image(job: Job) -> None:
    with registry(job.out) as images:
        unix = userland.Programs(job).busybox(job)
        layer = images.layer(unix, {"root": Folder(0o700), "var/www": Folder()})
        images.push(Image(REFERENCE, [layer], command=["sh"]))


image = Part("busybox-image", pack_image, inputs=userland.INPUTS, versions={"busybox": "1.37"})
