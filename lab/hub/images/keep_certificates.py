#!/usr/bin/python3
"""keep-certificates load|watch SECRET DIRECTORY: a directory that outlives its pod, as one tar in a Secret.

`load` unpacks the Secret into the directory, if there is one. `watch` writes the Secret whenever the
directory has changed. So a certificate is asked for once, not at each start of the pod: authorities count.
"""

import base64
import hashlib
import io
import json
import ssl
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def call(method: str, path: str, body: dict | None = None) -> dict | None:
    """The API server's answer for the pod's namespace, None if there is no such object."""
    request = urllib.request.Request(
        f"https://kubernetes.default.svc/api/v1/namespaces/{(ACCOUNT / 'namespace').read_text()}/{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": "Bearer " + (ACCOUNT / "token").read_text(),
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        },
    )
    try:
        with urllib.request.urlopen(
            request, timeout=10, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
        ) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def pack(directory: Path) -> bytes:
    """The directory as a tar, the same bytes for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.suffix != ".lock":
                entry = tarfile.TarInfo(str(path.relative_to(directory)))
                content = path.read_bytes()
                entry.size, entry.mode = len(content), 0o600
                tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpack(packed: bytes, directory: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(directory, filter="data")


def save(name: str, packed: bytes) -> None:
    body = {"data": {"certificates.tar": base64.b64encode(packed).decode()}}
    if call("PATCH", f"secrets/{name}", body) is None:
        call("POST", "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **body})


def main(verb: str, name: str, directory: Path) -> None:
    held = call("GET", f"secrets/{name}")
    packed = base64.b64decode(held["data"]["certificates.tar"]) if held else b""
    if verb == "load":
        if packed:
            unpack(packed, directory)
        print(f"{len(packed)} bytes of certificates loaded", flush=True)
        return
    kept = hashlib.sha256(packed).digest()
    while True:
        now = pack(directory)
        if any(directory.rglob("*.crt")) and hashlib.sha256(now).digest() != kept:
            save(name, now)
            kept = hashlib.sha256(now).digest()
            print(f"{len(now)} bytes of certificates saved", flush=True)
        time.sleep(5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
