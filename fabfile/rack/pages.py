"""The hub's own pages, two ways into its pod: a folder of the rack (configs/templates/), and a repository.

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
        }.items()], "command": ["/bin/sh", "-c", FETCH], "volumeMounts": mounts,
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


# A commit alone is enough where the server gives one; a server that cannot (plain files over HTTP) gives
# everything.
FETCH = """\
fetched() {
  rm -rf r; git init -q r && git -C r remote add origin "$REPOSITORY" || return
  if timeout "$SECONDS_EACH" git -C r fetch -q --depth 1 origin "$COMMIT"
  then git -C r checkout -q FETCH_HEAD
  else
    all='+refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/*'
    (set -f; timeout "$SECONDS_EACH" git -C r fetch -q origin $all) && git -C r checkout -q "$COMMIT"
  fi && [ -d r/templates ] && git -C r rev-parse HEAD >r/commit
}
serve() {
  commit=$(cat "$1/commit") && cp -R "$1/templates/." /pages/ &&
  { [ ! -d "$1/static" ] || cp -R "$1/static/." /static/; } &&
  { [ -z "$HANDLERS" ] || cp "$1/$HANDLERS" /pages/.handlers.py; } &&
  printf %.12s "$commit" >/pages/commit.html
}
state() {
  printf '{"wanted": "%s", "commit": "%s", "from": "%s"}\\n' "$COMMIT" "$commit" "$1" >/pages/.state.json
}
kept=/kept/pages
cd /tmp; commit=
if fetched && serve r; then
  state repository
  if [ -d /kept ]; then
    rm -rf $kept.new r/.git && cp -R r $kept.new && rm -rf $kept && mv $kept.new $kept ||
      echo 'no copy could be kept' >&2
  fi
elif [ -d $kept ] && serve $kept; then state kept
else commit=; rm -rf /pages/* /pages/.handlers.py /static/*; state stock
fi
cat /pages/.state.json
exit 0
"""

HANDLERS = f"""\
from pathlib import Path

handlers = Path("{REPOSITORY}/.handlers.py")
if handlers.exists():
    exec(compile(handlers.read_text(), str(handlers), "exec"))
"""
