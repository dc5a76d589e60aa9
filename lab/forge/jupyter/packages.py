"""What the images are made of, as trees laid out as in the image: Python, the packages of each lock, Node and the proxy."""
from __future__ import annotations

import filecmp
import os
import shutil
import sys
from pathlib import Path

from lab.forge import debian, userland
from lab.forge.job import Job
from lab.forge.part import Part

HERE = Path(__file__).parent
PYTHON = "python3.13"  # Debian's, for which the locks are made
STDLIB = f"usr/lib/{PYTHON}"
PACKAGES = f"usr/local/lib/{PYTHON}/dist-packages"

#: Debian's own packages in the images.
DEBIAN = ("python3", "git", "caddy")

#: Of Python's own library, what no server needs; and what forbids pip to install beside it.
UNUSED = ("__pycache__", "test", "tests", "idlelib", "ensurepip", "turtledemo", "config-3.13*", "EXTERNALLY-MANAGED")
#: Of packages: what only their developers read.
NOT_FOR_RUNNING = ("*.map", "*.pyi", "*.pxd", "*.c", "*.h", "__pycache__")

#: Wheels are built for these and older.
MANYLINUX = ("manylinux2014", "manylinux2010", "manylinux1", *(f"manylinux_2_{minor}" for minor in range(5, 40)))


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
        names = self.glob(f"{STDLIB}/**/*")
        return {name: self.path(name) for name in names if not self.path(name).is_dir() and not _matches(name, UNUSED)}


def collect(job: Job) -> None:
    """job.out/{python,shared,hub,user,ide,proxy}: trees that lie over one another in the images."""
    programs = Programs(job)
    for name, file in programs.library().items():
        _copy(file, job.out / "python" / name)
    for lock in ("hub", "user", "ide"):
        install(job, lock, job.out / lock)
    share(job.out / "hub", job.out / "user", job.out / "shared")
    leave_out(job.out / "ide", job.out / "shared", job.out / "user")
    for tree in ("python", "shared", "hub", "user", "ide"):
        compile_all(job, programs, job.out / tree)
    install_proxy(job, job.out / "proxy")


def install(job: Job, lock: str, tree: Path) -> None:
    """The packages of a lock below `tree`, for Debian's Python and not for this computer's."""
    target = job.out / "target"
    platforms = [word for platform in MANYLINUX for word in ("--platform", f"{platform}_x86_64")]
    job.run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes",
            "--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON.removeprefix("python"),
            *platforms, "--cache-dir", job.scratch("pip"), "--target", target, "--requirement", HERE / f"{lock}.lock")
    for file in target.rglob("*"):
        name = str(file.relative_to(target))
        if file.is_dir() or _matches(name, NOT_FOR_RUNNING):
            continue
        place = tree / "usr/local" / name if name.startswith(("bin/", "share/", "etc/")) else tree / PACKAGES / name
        _copy(file, place)
        if name.startswith("bin/") and (text := file.read_bytes()).startswith(b"#!"):
            place.write_bytes(b"#!/usr/bin/python3\n" + text.partition(b"\n")[2])  # not this computer's Python
            place.chmod(0o755)
    shutil.rmtree(target)


def share(one: Path, other: Path, both: Path) -> None:
    """Move what two trees have in common into a third."""
    for file in sorted(path for path in one.rglob("*") if path.is_file()):
        name = file.relative_to(one)
        if (other / name).is_file() and filecmp.cmp(file, other / name, shallow=False):
            (both / name).parent.mkdir(parents=True, exist_ok=True)
            file.rename(both / name)
            (other / name).unlink()


def leave_out(tree: Path, *lower: Path) -> None:
    """Remove from a tree what the trees below it have already."""
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        name = file.relative_to(tree)
        if any((below / name).is_file() and filecmp.cmp(file, below / name, shallow=False) for below in lower):
            file.unlink()


def compile_all(job: Job, programs: Programs, tree: Path) -> None:
    """Bytecode that is good whatever a file's time is: users cannot write into an image, and layers have no times."""
    python = programs.path(f"usr/bin/{PYTHON}")
    libraries = programs.path("usr/lib/x86_64-linux-gnu/libc.so.6").parent
    loader = (libraries / "ld-linux-x86-64.so.2", "--library-path", str(libraries))
    job.run(*loader, python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/", tree,
            env={"PYTHONHOME": "/nonexistent", "PYTHONPATH": str(job.out / "python" / STDLIB)})


def install_proxy(job: Job, tree: Path) -> None:
    """Node, and configurable-http-proxy by Node's own npm, as its lock says."""
    wheel = job.out / "wheel"
    job.run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:",
            "--target", wheel, "--requirement", HERE / "node.lock")
    node = next(wheel.rglob("bin/node"))
    npm = next(wheel.rglob("npm/bin/npm-cli.js"))
    modules = tree / "usr/local/lib"
    modules.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, modules)
    job.run(node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
            "--cache", job.scratch("npm"), cwd=modules, env={"PATH": f"{node.parent}:{os.environ['PATH']}"})
    _copy(node, tree / "usr/local/bin/node")
    (tree / "usr/local/bin/configurable-http-proxy").symlink_to("../lib/node_modules/configurable-http-proxy/bin/configurable-http-proxy")
    shutil.rmtree(wheel)


def _copy(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, place, follow_symlinks=False)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(Path(piece).match(pattern) for piece in Path(name).parts for pattern in patterns)


files = tuple(HERE / name for name in ("hub.lock", "user.lock", "ide.lock", "node.lock", "package.json", "package-lock.json"))
packages = Part("jupyter-packages", collect, inputs=INPUTS, files=files)
