"""The hub's pages come from a folder of the rack (configs/templates/), or from a repository.

Both end in folders that the hub reads: pages in TEMPLATES of their kind, static files in STATIC. The
repository is fetched by an init container before the hub starts. It never keeps the hub from starting: when
the repository cannot be had in time, the last copy that could be had serves, and else JupyterHub's own pages;
STATE says which.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fabfile.programs import body
from fabfile.rack.services import Templates

FOLDER = "configs/templates"
MOST = 900_000  # bytes: Kubernetes keeps them in one Secret, of a MiB at most
OWN, REPOSITORY = "/etc/jupyterhub/own-templates", "/etc/jupyterhub/templates"
STATIC = "/usr/local/share/jupyterhub/static/external"
STATE = f"{REPOSITORY}/.state.json"
DATABASE_CLAIM = "hub-db-dir"  # the chart's own volume: the one thing of the hub that lasts


def read_pages(folder: Path) -> Mapping[str, bytes]:
    """Path within configs/templates → content; hidden files are left out."""
    return read_folder(folder / FOLDER)


def read_folder(top: Path) -> Mapping[str, bytes]:
    """Path within `top` → content; hidden files are left out."""
    found = {
        str(file.relative_to(top)): file.read_bytes() for file in sorted(top.rglob("*")) if file.is_file()
    }
    return MappingProxyType({path: content for path, content in found.items()
                             if not any(part.startswith(".") for part in path.split("/"))})


def folder_values(pages: Mapping[str, bytes]) -> dict[str, Any]:
    """hub.extraFiles: what lies in static/ becomes static_url("external/…"), all else is a page."""
    files = {}
    for path, content in pages.items():
        place = f"{STATIC}/{path.removeprefix('static/')}" if path.startswith("static/") else f"{OWN}/{path}"
        try:
            text = {"stringData": content.decode()}
        except UnicodeDecodeError:
            text = {"binaryData": b64encode(content).decode()}
        files[path.replace("/", ".")] = {"mountPath": place, **text}
    return {"hub": {"templatePaths": [OWN], "extraFiles": files}} if files else {}


def repository_values(templates: Templates, commit: str, kept: bool) -> dict[str, Any]:
    """The init container that fetches `commit`, its volumes, and where the hub looks; `kept`: there is a
    volume to keep the last good copy on."""
    mounts = [{"name": "pages", "mountPath": "/pages"}, {"name": "pages-static", "mountPath": "/static"},
              {"name": "pages-work", "mountPath": "/tmp"}]
    volumes: list[dict[str, Any]] = [{"name": name, "emptyDir": {"sizeLimit": "64Mi"}}
                                     for name in ("pages", "pages-static", "pages-work")]
    if kept:
        mounts.append({"name": "pages-kept", "mountPath": "/kept"})
        volumes.append({"name": "pages-kept", "persistentVolumeClaim": {"claimName": DATABASE_CLAIM}})
    container = {
        "name": "pages", "image": templates.image, "workingDir": "/tmp", "securityContext": {
            "runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}
        }, "env": [{"name": name, "value": value} for name, value in {
            "HOME": "/tmp", "GIT_TERMINAL_PROMPT": "0", "REPOSITORY": templates.repository, "COMMIT": commit,
            "SECONDS_EACH": str(max(1, templates.seconds // 2)), "HANDLERS": templates.handlers or ""
        }.items()], "command": ["/bin/sh", "-c", body("pages")], "volumeMounts": mounts,
    }
    hub: dict[str, Any] = {
        "templatePaths": [REPOSITORY],
        "initContainers": [container],
        "extraVolumes": volumes,
        "extraVolumeMounts": [{"name": "pages", "mountPath": REPOSITORY, "readOnly": True},
                              {"name": "pages-static", "mountPath": STATIC}],
    }
    if templates.handlers:
        hub["extraConfig"] = {"00-pages": HANDLERS}
    return {"hub": hub}


HANDLERS = f"""\
from pathlib import Path

handlers = Path("{REPOSITORY}/.handlers.py")
if handlers.exists():
    exec(compile(handlers.read_text(), str(handlers), "exec"))
"""
