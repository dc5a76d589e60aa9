"""Container images, and a registry of them made of plain files.

A registry that is only pulled from answers three kinds of GET, all of them static:

    v2/<name>/manifests/<tag>    v2/<name>/manifests/sha256:…    v2/<name>/blobs/sha256:…
"""
from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import zstandard

OCI = "application/vnd.oci.image."
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Link:
    """A symbolic link in an image."""

    target: str


@dataclass(frozen=True)
class Folder:
    """An empty folder in an image."""

    mode: int = 0o755


@dataclass(frozen=True)
class Script:
    """A file to be run, whatever its mode on this computer: archives of Go modules keep none."""

    source: Path


#: What an image has at a path: a file or a folder of this computer with all in it, a text, and the above.
Entry = Path | bytes | Script | Link | Folder
Files = Mapping[str, Entry]

#: What programs expect of the smallest root.
SKELETON: Files = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": b"hosts: files dns\n",
    "tmp": Folder(0o1777),
}

#: Debian's root since /usr holds all programs and libraries.
DEBIAN_LINKS: Files = {
    **{folder: Link(f"usr/{folder}") for folder in ("bin", "sbin", "lib", "lib64")},
    "var/run": Link("../run"),
    "run": Folder(),
}


@dataclass(frozen=True)
class Layer:
    """A packed layer: `blob` is the compressed file, `content` the digest of what is in it."""

    blob: Path
    digest: str
    content: str

    def descriptor(self) -> dict[str, Any]:
        size = self.blob.stat().st_size
        return {"mediaType": f"{OCI}layer.v1.tar+zstd", "digest": self.digest, "size": size}


@dataclass(frozen=True)
class Image:
    """`reference` as in a pod: registry.k8s.io/pause:3.10.2."""

    reference: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    #: Where its processes start.
    folder: str = ""

    def config(self) -> bytes:
        variables = {"PATH": SEARCH, **self.environment}
        settings = {"Env": [f"{name}={value}" for name, value in variables.items()], "User": self.user,
                    "Entrypoint": list(self.entrypoint), "Cmd": list(self.command), "WorkingDir": self.folder}
        return _json({"architecture": "amd64", "os": "linux",
                      "config": {name: value for name, value in settings.items() if value},
                      "rootfs": {"type": "layers", "diff_ids": [layer.content for layer in self.layers]}})

    def manifest(self) -> bytes:
        config = self.config()
        return _json({"schemaVersion": 2, "mediaType": f"{OCI}manifest.v1+json",
                      "config": {"mediaType": f"{OCI}config.v1+json", "digest": digest(config),
                                 "size": len(config)},
                      "layers": [layer.descriptor() for layer in self.layers]})


class Registry:
    """Writes images below `www`, each under the host that a container runtime asks for it."""

    def __init__(self, www: Path, unpublished: Path) -> None:
        self._www = www
        self._unpublished = unpublished

    def layer(self, *files: Files) -> Layer:
        """Pack files; where two mappings name the same path, the later counts."""
        blob = self._unpublished / f"layer-{len(list(self._unpublished.iterdir()))}"
        with blob.open("xb") as file:
            packed = Digesting(file)
            with zstandard.ZstdCompressor(level=1).stream_writer(packed, closefd=False) as compressed:
                content = Digesting(compressed)
                pack({path: entry for mapping in files for path, entry in mapping.items()}, content)
        return Layer(blob, packed.digest, content.digest)

    def push(self, image: Image) -> None:
        host, name, tag = address(image.reference)
        place = self._www / host / "v2" / name
        for folder in ("blobs", "manifests"):
            (place / folder).mkdir(parents=True, exist_ok=True)
        for layer in image.layers:
            if not (place / "blobs" / layer.digest).exists():
                os.link(layer.blob, place / "blobs" / layer.digest)
        config, manifest = image.config(), image.manifest()
        (place / "blobs" / digest(config)).write_bytes(config)
        for known_as in (tag, digest(manifest)):
            (place / "manifests" / known_as).write_bytes(manifest)


@contextmanager
def registry(out: Path) -> Iterator[Registry]:
    """A registry below out/www, for a recipe to fill."""
    unpublished = out / "layers"
    unpublished.mkdir()
    yield Registry(out / "www", unpublished)
    shutil.rmtree(unpublished)


def address(reference: str) -> tuple[str, str, str]:
    """Host, name and tag by which an image is pulled: registry.k8s.io, pause, 3.10.2."""
    path, _, tag = reference.rpartition(":")
    host, _, name = path.partition("/")
    return ("registry-1.docker.io" if host == "docker.io" else host), name, tag


def pack(files: Files, to: IO[bytes]) -> None:
    """Write a tar of `files`: sorted, owned by root, without times, so the same files make the same bytes."""
    with tarfile.open(fileobj=to, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path, entry in sorted(_with_parents(_without_trees(files)).items()):
            member = tarfile.TarInfo(path)
            if isinstance(entry, Folder):
                member.type, member.mode = tarfile.DIRTYPE, entry.mode
                tar.addfile(member)
            elif isinstance(entry, Link):
                member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, entry.target
                tar.addfile(member)
            elif isinstance(entry, bytes):
                member.size, member.mode = len(entry), 0o644
                tar.addfile(member, io.BytesIO(entry))
            else:
                source = entry.source if isinstance(entry, Script) else entry
                status = source.stat()
                runs = isinstance(entry, Script) or status.st_mode & 0o111
                member.size, member.mode = status.st_size, 0o755 if runs else 0o644
                with source.open("rb") as file:
                    tar.addfile(member, file)


def _without_trees(files: Files) -> dict[str, Entry]:
    """Folders of this computer replaced by what is in them; links become links."""
    found: dict[str, Entry] = {}
    for path, entry in files.items():
        path = path.strip("/")  # noqa: PLW2901
        if not isinstance(entry, Path):
            found[path] = entry
        elif entry.is_symlink():
            found[path] = Link(os.readlink(entry))
        elif entry.is_dir():
            found[path] = Folder(stat.S_IMODE(entry.stat().st_mode))
            found |= _without_trees({f"{path}/{child.name}": child for child in entry.iterdir()})
        else:
            found[path] = entry
    return found


def _with_parents(files: dict[str, Entry]) -> dict[str, Entry]:
    parents = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    return {**dict.fromkeys(parents, Folder()), **files}


class Digesting:
    """Passes on what is written and knows its digest."""

    def __init__(self, to: Any) -> None:
        self._to = to
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._to.write(data)

    def flush(self) -> None:
        self._to.flush()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
