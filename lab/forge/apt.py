"""Signed package repositories, as vendors publish them."""
from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.forge.job import Job
from lab.forge.part import Part


def signing_key(vendor: str, owner: str) -> Part:
    """The part that holds the vendor's key: public.asc, and secret.asc, which never leaves the cache."""
    return Part(f"{vendor}-signing-key", make_key, settings=owner)


def make_key(job: Job) -> None:
    """A new key without passphrase and end: it is worth nothing outside the lab."""
    secret = job.out / "secret.asc"
    with gnupg(job) as gpg:
        job.run(*gpg, "--passphrase", "", "--quick-generate-key", job.part.settings, "rsa3072", "sign",
                "never")
        job.run(*gpg, "--armor", "--output", job.out / "public.asc", "--export")
        job.run(*gpg, "--armor", "--output", secret, "--export-secret-keys")
    secret.chmod(0o600)


@contextmanager
def gnupg(job: Job) -> Iterator[tuple[str, ...]]:
    """The gpg command with a keyring of its own, at a path short enough for its agent's socket."""
    with tempfile.TemporaryDirectory(prefix="coop-") as home:
        try:
            yield ("gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--no-tty")
        finally:
            job.run("gpgconf", "--homedir", home, "--kill", "all")


@dataclass(frozen=True)
class Entry:
    """One package in an index: its control file, and its file as the index names it."""

    control: str
    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, job: Job, deb: Path, base: Path) -> Entry:
        content = deb.read_bytes()
        control = job.run("dpkg-deb", "--field", deb)
        return cls(control, str(deb.relative_to(base)), len(content), sha256(content))

    def stanza(self) -> str:
        head, separator, description = self.control.strip().partition("\nDescription:")
        place = f"Filename: {self.path}\nSize: {self.size}\nSHA256: {self.sha256}"
        return f"{head}\n{place}{separator}{description}\n"


def packages(entries: Iterable[Entry]) -> str:
    """The text of a Packages file."""
    return "\n".join(entry.stanza() for entry in entries)


def release(fields: Mapping[str, str], files: Mapping[str, bytes], date: datetime) -> str:
    """The text of a Release file: who publishes what, and the checksums of the indices by their paths."""
    head = {**fields, "Architectures": "amd64", "Date": date.strftime("%a, %d %b %Y %H:%M:%S UTC")}
    lines = [f"{key}: {value}" for key, value in head.items()] + ["SHA256:"]
    lines += [f" {sha256(content)} {len(content)} {path}" for path, content in files.items()]
    return "\n".join(lines) + "\n"


def publish(job: Job, base: Path, key: Part, fields: Mapping[str, str], *, indices: str = "",
            release_at: str = "") -> None:
    """Index all packages below `base` and sign the index.

    A flat repository has everything in `base`; others have an `indices` folder below a `release_at` folder.
    """
    top = base / release_at
    text = packages([Entry.of(job, deb, base) for deb in sorted(base.rglob("*.deb"))]).encode()
    files = {f"{indices}Packages": text, f"{indices}Packages.gz": gzip.compress(text, mtime=0)}
    for path, content in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    (top / "Release").write_text(release(fields, files, datetime.now(UTC)))
    with gnupg(job) as gpg:
        job.run(*gpg, "--import", job[key] / "secret.asc")
        job.run(*gpg, "--armor", "--detach-sign", "--output", top / "Release.gpg", top / "Release")
        job.run(*gpg, "--clear-sign", "--output", top / "InRelease", top / "Release")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
