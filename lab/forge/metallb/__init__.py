"""MetalLB: its two images, and the manifest as its project publishes it.

0.15.2 is the newest that can be built here: 0.16 needs a version of frr-k8s that the module proxy lacks.
"""
from __future__ import annotations

import shutil
from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.oci import SKELETON, Image, registry
from lab.forge.part import Part

HERE = Path(__file__).parent
MODULE = "go.universe.tf/metallb"
VERSION = required(HERE)[MODULE]
MANIFEST = "config/manifests/metallb-native.yaml"

programs = go_programs("metallb-programs", HERE,
                       Programs(stamp=((f"{MODULE}/internal/version.release", VERSION),),
                                sources=((MODULE, MANIFEST),)), {"metallb": VERSION})


def publish_all(job: Job) -> None:
    built = job[programs]
    with registry(job.out) as images:
        for name in ("controller", "speaker"):
            layer = images.layer(SKELETON, {name: built / "bin" / name})
            images.push(Image(f"quay.io/metallb/{name}:{VERSION}", [layer], entrypoint=[f"/{name}"]))
    manifest = job.out / f"www/raw.githubusercontent.com/metallb/metallb/{VERSION}/{MANIFEST}"
    manifest.parent.mkdir(parents=True)
    shutil.copy(built / "src" / MANIFEST, manifest)


published = Part("metallb", publish_all, inputs=(programs,))
