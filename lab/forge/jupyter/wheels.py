"""What the registries give: the packages of each lock, and Node with the proxy, laid out as in the images."""
from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from lab.forge import pypi
from lab.forge.job import Job
from lab.forge.part import Part

HERE = Path(__file__).parent
PYTHON = "python3.13"                           # Debian's, for which the locks are made
PACKAGES = f"usr/local/lib/{PYTHON}/dist-packages"
PROXY = "lib/node_modules/configurable-http-proxy/bin/configurable-http-proxy"

#: What only the packages' developers read.
NOT_FOR_RUNNING = ("*.map", "*.pyi", "*.pxd", "*.c", "*.h", "__pycache__")

#: Debian 13 has glibc 2.41; no wheel of the locks wants more than this.
PLATFORM = "x86_64-manylinux_2_40"


def collect(job: Job) -> None:
    """job.out/{shared,hub,user,proxy}: `shared` is what hub and user have in common."""
    for lock in ("hub", "user"):
        install(job, lock, job.out / lock)
    share(job.out / "hub", job.out / "user", job.out / "shared")
    install_proxy(job, job.out / "proxy")


def install(job: Job, lock: str, tree: Path) -> None:
    """The packages of a lock below `tree`, for Debian's Python and not for this computer's."""
    target = job.out / "target"
    pypi.install(job, target, *locked(lock), "--python-version", PYTHON.removeprefix("python"), "--python-platform", PLATFORM)
    for file in target.rglob("*"):
        name = file.relative_to(target)
        if file.is_dir() or matches(name, NOT_FOR_RUNNING):
            continue
        is_package = name.parts[0] not in ("bin", "share", "etc")
        place = tree / (PACKAGES if is_package else "usr/local") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.parts[0] == "bin" and (text := file.read_bytes()).startswith(b"#!"):
            place.write_bytes(b"#!/usr/bin/python3\n" + text.partition(b"\n")[2])     # not this computer's
            place.chmod(0o755)
        else:
            file.rename(place)
    shutil.rmtree(target)


def locked(name: str) -> tuple[str | Path, ...]:
    """uv's words for the packages of a lock and no others."""
    return ("--require-hashes", "--requirement", HERE / f"{name}.lock")


def share(one: Path, other: Path, both: Path) -> None:
    """Move what two trees have in common into a third."""
    for file in sorted(path for path in one.rglob("*") if path.is_file()):
        name = file.relative_to(one)
        if same(file, other / name):
            (both / name).parent.mkdir(parents=True, exist_ok=True)
            file.rename(both / name)
            (other / name).unlink()


def same(file: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(file, other, shallow=False)


def install_proxy(job: Job, tree: Path) -> None:
    """Node, and configurable-http-proxy by Node's own npm, as its lock says."""
    wheel = job.out / "wheel"
    pypi.install(job, wheel, *locked("node"))
    node, npm = next(wheel.rglob("bin/node")), next(wheel.rglob("npm/bin/npm-cli.js"))
    local = tree / "usr/local"
    for folder in ("bin", "lib"):
        (local / folder).mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, local / "lib")
    job.run(node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
            "--cache", job.scratch("npm"), cwd=local / "lib",
            env={"PATH": f"{node.parent}:{os.environ['PATH']}"})
    shutil.copy(node, local / "bin/node")
    (local / "bin/configurable-http-proxy").symlink_to(f"../{PROXY}")
    shutil.rmtree(wheel)


def matches(name: Path, patterns: tuple[str, ...]) -> bool:
    """Whether any piece of a path is named like one of the patterns."""
    return any(Path(piece).match(pattern) for piece in name.parts for pattern in patterns)


LOCKS = ("hub.lock", "user.lock", "node.lock", "package.json", "package-lock.json")
wheels = Part("jupyter-wheels", collect, files=tuple(HERE / name for name in LOCKS))
