"""The image of an older hub, whose database is older than today's. No site has it: a test asks for it.

It is one file, out/image.tar, as `ctr images import` takes it: no registry of the lab publishes it.
"""
from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

from lab.forge.job import Job
from lab.forge.jupyter.images import ENVIRONMENT, HOME, USER, python_files, version_of
from lab.forge.jupyter.packages import INPUTS, Programs, compile_all, packages
from lab.forge.jupyter.wheels import HERE, install
from lab.forge.oci import Image, address, registry
from lab.forge.part import Part

REFERENCE = "quay.io/jupyterhub/k8s-hub:3.3.8"  # the last jupyterhub chart with JupyterHub 4


def pack(job: Job) -> None:
    programs, tree = Programs(job), job.out / "hub"
    install(job, "former", tree)
    python = job.out / "python"
    python.symlink_to(job[packages] / "python")
    compile_all(job, programs, tree)
    with registry(job.out) as images:
        image = Image(REFERENCE, [images.layer(programs.busybox(job)),
                                  images.layer(python_files(programs, job[packages] / "python")),
                                  images.layer({"usr": tree / "usr"}, HOME)],
                      command=["jupyterhub"], environment=ENVIRONMENT, user=USER, folder="/srv/jupyterhub")
        images.push(image)
    write_archive(job.out / "www", REFERENCE, job.out / "image.tar")
    python.unlink()
    for folder in (tree, job.out / "www"):
        shutil.rmtree(folder)


def write_archive(www: Path, reference: str, archive: Path) -> None:
    """An image of a registry below `www` as one file, in OCI's layout."""
    host, name, tag = address(reference)
    place = www / host / "v2" / name
    manifest = (place / "manifests" / tag).resolve()
    [known_as] = [file.name for file in (place / "manifests").iterdir() if file.name != tag]
    index = {"schemaVersion": 2, "manifests": [{
        "mediaType": json.loads(manifest.read_text())["mediaType"], "digest": known_as,
        "size": os.path.getsize(manifest), "annotations": {"io.containerd.image.name": reference}}]}
    (place / "index.json").write_text(json.dumps(index))
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    with tarfile.open(archive, "w") as tar:
        for top in ("oci-layout", "index.json"):
            tar.add(place / top, top)
        for blob in (manifest.with_name(known_as), *(place / "blobs").iterdir()):
            tar.add(blob, f"blobs/sha256/{blob.name.removeprefix('sha256:')}")


image = Part("jupyter-former-hub", pack, inputs=(packages, *INPUTS), files=(HERE / "former.lock",),
             versions={"jupyterhub": version_of("former", "jupyterhub")})
