"""Helm, in the archive that its project publishes."""
from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.oci import pack
from lab.forge.part import Part

HERE = Path(__file__).parent
VERSION = required(HERE)["helm.sh/helm/v4"]
ARCHIVE = f"get.helm.sh/helm-{VERSION}-linux-amd64.tar.gz"

programs = go_programs("helm", HERE, Programs(stamp=(("helm.sh/helm/v4/internal/version.version", VERSION),)),
                       {"helm": VERSION})


def publish_archive(job: Job) -> None:
    """The archive and its checksum."""
    archive = job.out / "www" / ARCHIVE
    archive.parent.mkdir(parents=True)
    with gzip.GzipFile(archive, "wb", compresslevel=1, mtime=0) as packed:
        pack({"linux-amd64/helm": job[programs] / "bin/helm"}, packed)
    with archive.open("rb") as whole:
        checksum = hashlib.file_digest(whole, "sha256").hexdigest()
    Path(f"{archive}.sha256sum").write_text(f"{checksum}  {archive.name}\n")


downloads = Part("helm-downloads", publish_archive, inputs=(programs,))
