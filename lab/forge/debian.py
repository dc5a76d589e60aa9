"""Debian as this computer gets it: its mirror, a root from nothing, and layers of packages over a root."""
from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from lab.forge.event import ForgeError
from lab.forge.job import Job

SUITE = "trixie"

#: What every machine's own sources.list names; the lab's internet answers it.
PUBLIC_MIRROR = "http://ftp.us.debian.org/debian"

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

#: Runs in a mount namespace of its own, so whatever happens nothing stays mounted.
INSTALL = r"""
mount -t overlay layer -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs tmpfs "$ROOT/run"
mount -t tmpfs tmpfs "$ROOT/tmp"
mount --bind "$ARCHIVES" "$ROOT/var/cache/apt/archives"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/var/lib/apt/lists"
touch "$ROOT/etc/resolv.conf"
mount --bind -o ro /etc/resolv.conf "$ROOT/etc/resolv.conf"
mkdir -p "$ROOT/var/lib/apt/lists/partial"
printf '%s\n' "$SOURCES" > "$ROOT/run/sources.list"
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d"   # no daemon may start in here
chmod 755 "$ROOT/usr/sbin/policy-rc.d"
apt() {
    chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        DEBIAN_FRONTEND=noninteractive ${PROXY:+http_proxy="$PROXY"} \
        apt-get -q -y -o Dir::Etc::SourceList=/run/sources.list -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}
apt update
apt install --no-install-recommends "$@"
rm "$ROOT/usr/sbin/policy-rc.d"
find "$ROOT/var/log" -type f -delete
"""


def mirror() -> str:
    """The Debian mirror that this computer's own apt is set to use; the public one if it uses none."""
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(file.read_text(errors="replace") for file in lists if file.is_file())
    return mirror_in(text) or PUBLIC_MIRROR


def mirror_in(sources: str) -> str | None:
    """The first Debian archive named by apt sources, in the one-line form or as `URIs:`."""
    found = re.search(r"^\s*(?:deb\s+(?:\[[^]]*\]\s*)?|URIs:\s*)(https?://\S*/debian)/?(?:\s|$)", sources,
                      re.MULTILINE)
    return found and found[1]


def proxy(job: Job) -> str:
    """The HTTP proxy that apt uses here, or ""."""
    setting = job.run("apt-config", "shell", "PROXY", "Acquire::http::Proxy")
    return setting.partition("=")[2].strip().strip("'")


def bootstrap(job: Job, packages: Iterable[str], target: Path, *, dpkg: str = "") -> None:
    """A minimal Debian with `packages` in `target`, unpacked by the options `dpkg`, lines of a dpkg.cfg.

    By mmdebstrap: debootstrap takes three times its CPU time for the same packages (docs/performance.md).
    """
    if not KEYRING.exists():
        raise ForgeError(job.part.name, f"{KEYRING} is missing: install debian-archive-keyring")
    job.run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}", f"--keyring={KEYRING}",
            *(f"--dpkgopt={line}" for line in dpkg.splitlines()), SUITE, target, mirror(),
            env={"http_proxy": given} if (given := proxy(job)) else {})


def layer(job: Job, lower: Path, packages: Iterable[str], *, older: Iterable[str] = ()) -> Path:
    """Install `packages` with all they need over the root `lower`.

    What they add or change lies in the folder returned, job.out/root: to be used as an overlay's upper layer.
    Packages missing from this Debian are taken from the `older` suites.
    """
    places = {"UPPER": job.out / "root", "WORK": job.out / "work", "ROOT": job.out / "merged"}
    for folder in places.values():
        folder.mkdir()
    sources = "\n".join(f"deb {mirror()} {suite} main" for suite in (SUITE, *older))
    job.run("unshare", "--mount", "--propagation=private", "sh", "-euc", INSTALL, "sh", *packages,
            env={**{name: str(folder) for name, folder in places.items()}, "LOWER": str(lower),
                 "SOURCES": sources, "ARCHIVES": str(job.scratch("debs")), "PROXY": proxy(job)})
    shutil.rmtree(places["WORK"])
    places["ROOT"].rmdir()
    return places["UPPER"]
