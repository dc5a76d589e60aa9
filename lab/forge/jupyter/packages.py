"""The trees that lie over one another in the images: Debian's Python, and what the registries gave."""
from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.forge import debian, userland
from lab.forge.job import Job
from lab.forge.jupyter.wheels import PYTHON, matches, wheels
from lab.forge.part import Part

STDLIB = f"usr/lib/{PYTHON}"

#: Debian's own packages in the images.
DEBIAN = ("python3", "git", "caddy")

#: Of Python's own library, what no server needs; and what forbids pip to install beside it.
UNUSED = ("__pycache__", "test", "tests", "idlelib", "ensurepip", "turtledemo", "config-3.13*",
          "EXTERNALLY-MANAGED")

TREES = ("python", "shared", "hub", "user", "proxy")


def install_userland(job: Job) -> None:
    """A layer over the machines' root in job.out/root, to be picked from."""
    debian.layer(job, job[userland.machine_root] / "root", DEBIAN)


layer = Part("jupyter-userland", install_userland, inputs=(userland.machine_root,), turn="apt")

#: What a part that picks programs needs as inputs.
INPUTS = (*userland.INPUTS, layer)


class Programs(userland.Programs):
    """The userland with Python, git and Caddy."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._layers = (job[layer] / "root", *self._layers)

    def library(self) -> dict[str, Path]:
        """Python's own library: every file by its path in the image."""
        names = [name for name in self.glob(f"{STDLIB}/**/*") if not matches(Path(name), UNUSED)]
        files = {name: self.path(name) for name in names}
        return {name: file for name, file in files.items() if not file.is_dir()}


def collect(job: Job) -> None:
    """job.out/{python,shared,hub,user,proxy}."""
    programs = Programs(job)
    for name, file in programs.library().items():
        (job.out / "python" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, job.out / "python" / name, follow_symlinks=False)
    for tree in TREES[1:]:
        shutil.copytree(job[wheels] / tree, job.out / tree, symlinks=True, copy_function=_link)
    for tree in TREES[:-1]:
        compile_all(job, programs, job.out / tree)


def compile_all(job: Job, programs: Programs, tree: Path) -> None:
    """Bytecode that holds whatever the time of its source: layers have no times, and users may not write."""
    libraries = programs.path("usr/lib/x86_64-linux-gnu/libc.so.6").parent
    loader = (libraries / "ld-linux-x86-64.so.2", "--library-path", str(libraries))
    job.run(*loader, programs.path(f"usr/bin/{PYTHON}"), "-m", "compileall", "-q", "-s", tree, "-p", "/",
            "--invalidation-mode", "unchecked-hash", tree,
            env={"PYTHONHOME": "/nonexistent", "PYTHONPATH": str(job.out / "python" / STDLIB)})


def _link(source: str, target: str) -> None:
    """A second name for the same file, or a copy of a link."""
    os.link(source, target, follow_symlinks=False)


packages = Part("jupyter-packages", collect, inputs=(wheels, *INPUTS))
