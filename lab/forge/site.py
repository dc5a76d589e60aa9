"""The site: everything that the forge has made, in one place."""
from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.forge import addons, busybox, calico, containerd, gpus, kubernetes, kubernetes_next
from lab.forge.acme import acme_root
from lab.forge.internet import internet_root
from lab.forge.job import Job
from lab.forge.jupyter import marimo
from lab.forge.part import Part
from lab.forge.root import machine_root
from lab.forge.store import Store

#: Whatever these have in www/ is published. A new part needs its own file or folder, and a line here.
PUBLISHED = (
    containerd.packages,
    kubernetes.packages,
    kubernetes.images,
    busybox.image,
    calico.images,
    calico.downloads,
    *addons.PUBLISHED,
)

#: Published as well where a lab is asked for it, by name: what a rack can do without, and some test needs.
EXTRAS = {"marimo": (marimo.image,), "kubernetes-next": (kubernetes_next.whole.packages, kubernetes_next.whole.images),
          "gpus": gpus.published}

#: Programs for the lab's own use.
TOOLS = {"kubectl": kubernetes.programs, "calicoctl": calico.programs}


@dataclass(frozen=True)
class Site:
    """Folders, all of them to be read only."""

    #: A Debian for machines.
    root: Path
    #: A layer over `root` for the lab's internet: mount with lowerdir=internet:root.
    internet: Path
    #: A layer over `root` for the certificate authority that speaks ACME.
    acme: Path
    #: What each host publishes: www/<host>/<path>.
    www: Path
    #: kubectl, calicoctl.
    tools: Path
    #: {"kubernetes": "v1.36.3", ...}
    versions: Mapping[str, str]


def collect(job: Job) -> None:
    """One tree of all that is published; its files are those of the parts, not copies."""
    for part in job.part.inputs:
        for folder, _, files in os.walk(job[part] / "www"):
            target = job.out / Path(folder).relative_to(job[part])
            target.mkdir(parents=True, exist_ok=True)
            for file in files:
                if not (target / file).exists():      # two images share a layer
                    os.link(Path(folder, file), target / file)
    (job.out / "tools").mkdir()
    for tool, part in TOOLS.items():
        os.link(job[part] / "bin" / tool, job.out / "tools" / tool)


def site(extras: Collection[str] = ()) -> Part:
    """All that a lab's internet publishes, with these of EXTRAS.

    Roots come first: machines can be tried with them while the rest is still being compiled.
    """
    published = (*PUBLISHED, *(part for name, parts in EXTRAS.items() if name in extras for part in parts))
    return Part("site", collect, inputs=(machine_root, internet_root, acme_root, *published, *TOOLS.values()))


def found_in(store: Store, site: Part) -> Site:
    """A site in a cache that has all of it."""
    whole = store.folder(site)
    versions = {name: version for made in site.with_inputs() for name, version in made.versions.items()}
    return Site(store.folder(machine_root) / "root", store.folder(internet_root) / "root",
                store.folder(acme_root) / "root", whole / "www", whole / "tools", dict(sorted(versions.items())))
