"""A second image for users' servers, with marimo beside JupyterLab. It is built for the labs that ask for it."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

from lab.forge.job import Job
from lab.forge.jupyter.images import SERVER, images, server_image, version_of
from lab.forge.jupyter.packages import INPUTS, Programs, compile_all, packages
from lab.forge.jupyter.wheels import HERE, install, same
from lab.forge.oci import Files, Layer, address, registry
from lab.forge.part import Part

VERSION = version_of("ide", "marimo")
REFERENCE = f"images.flock.example/marimo:{VERSION}"

#: As RStudio would be: its own server behind Jupyter's, reached as /marimo/.
PROXIED = {
    "command": ["marimo", "edit", "--headless", "--no-token", "--skip-update-check", "--host", "127.0.0.1",
                "--port", "{port}", "--base-url", "{base_url}marimo"],
    "absolute_url": True,
    "timeout": 60,
    "launcher_entry": {"title": "marimo"},
}
SETTINGS: Files = {"usr/local/etc/jupyter/jupyter_server_config.json":
                   json.dumps({"ServerProxy": {"servers": {"marimo": PROXIED}}}).encode()}


def pack(job: Job) -> None:
    """One layer over the image without it."""
    tree, python = job.out / "ide", job.out / "python"
    install(job, "ide", tree)
    leave_out(tree, *(job[packages] / below for below in ("shared", "user")))
    python.symlink_to(job[packages] / "python")
    compile_all(job, Programs(job), tree)
    with registry(job.out) as built:
        below = layers(job[images] / "www", SERVER)
        built.push(server_image(REFERENCE, [*below, built.layer({"usr": tree / "usr"}, SETTINGS)]))
    python.unlink()
    shutil.rmtree(tree)


def leave_out(tree: Path, *lower: Path) -> None:
    """Remove from a tree what the trees below it have already."""
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        if any(same(file, below / file.relative_to(tree)) for below in lower):
            file.unlink()


def layers(www: Path, reference: str) -> list[Layer]:
    """Those of an image in a registry below `www`, the lowest first."""
    host, name, tag = address(reference)
    place = www / host / "v2" / name
    manifest = json.loads((place / "manifests" / tag).read_text())
    config = json.loads((place / "blobs" / manifest["config"]["digest"]).read_text())
    return [Layer(place / "blobs" / layer["digest"], layer["digest"], content)
            for layer, content in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)]


image = Part("jupyter-marimo", pack, inputs=(images, packages, *INPUTS), files=(HERE / "ide.lock",),
             versions={"marimo": VERSION})
