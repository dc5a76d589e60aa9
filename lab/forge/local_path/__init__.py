"""The local-path provisioner: its image, and the manifest as its project publishes it."""
from __future__ import annotations

import shutil
from pathlib import Path

from lab.forge import userland
from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.oci import Image, registry
from lab.forge.part import Part

HERE = Path(__file__).parent
MODULE = "github.com/rancher/local-path-provisioner"
VERSION = required(HERE)[MODULE]
MANIFEST = "deploy/local-path-storage.yaml"

programs = go_programs("local-path-programs", HERE,
                       Programs(stamp=(("main.VERSION", VERSION),), sources=((MODULE, MANIFEST),)),
                       {"local-path-provisioner": VERSION})


def publish_all(job: Job) -> None:
    built = job[programs]
    with registry(job.out) as images:
        busybox = images.layer(userland.Programs(job).busybox(job))
        own = images.layer({"usr/bin/local-path-provisioner": built / "bin/local-path-provisioner"})
        images.push(Image(f"docker.io/rancher/local-path-provisioner:{VERSION}", [busybox, own],
                          entrypoint=["local-path-provisioner"]))
    manifest = job.out / f"www/raw.githubusercontent.com/rancher/local-path-provisioner/{VERSION}/{MANIFEST}"
    manifest.parent.mkdir(parents=True)
    shutil.copy(built / "src" / MANIFEST, manifest)


published = Part("local-path", publish_all, inputs=(programs, *userland.INPUTS))
