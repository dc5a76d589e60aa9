"""The lab's certificate authority, and the certificate for every name on the lab's internet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

DAYS = "30"  # no lab lives that long


def openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def make_authority(folder: Path) -> Path:
    """A fresh authority in `folder`; returns its certificate."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", DAYS,
            "-subj", "/O=Coop/CN=the lab's internet", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    return folder / "ca.crt"


def certify(authority: Path, names: Iterable[str], folder: Path) -> None:
    """server.key and server.crt in `folder`, good for all `names`, by the authority in the other folder."""
    alternatives = ",".join(f"DNS:{name}" for name in sorted(names))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", DAYS,
            "-subj", "/O=Coop/CN=a site", "-CA", authority / "ca.crt", "-CAkey", authority / "ca.key",
            "-addext", f"subjectAltName={alternatives}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "extendedKeyUsage=serverAuth",
            "-keyout", folder / "server.key", "-out", folder / "server.crt")
