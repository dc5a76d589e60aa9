"""What a rack runs on its cluster: addresses, storage, charts, a git host, JupyterHub."""
from __future__ import annotations

from lab.forge import charts, git_host, helm, local_path, metallb
from lab.forge.jupyter import images as jupyter

#: Published beside the cluster's own parts.
PUBLISHED = (
    helm.downloads,
    metallb.published,
    local_path.published,
    charts.published,
    git_host.published,
    jupyter.images,
)
