"""metrics-server: its image, and the manifest of its release: what kustomize makes of the module's files."""
from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.kubernetes import programs as kubernetes
from lab.forge.oci import SKELETON, Image, registry
from lab.forge.part import Part

HERE = Path(__file__).parent
MODULE = "sigs.k8s.io/metrics-server"
VERSION = required(HERE)[MODULE]

RELEASES = "github.com/kubernetes-sigs/metrics-server/releases/download"

programs = go_programs("metrics-programs", HERE,
                       Programs(stamp=(("k8s.io/component-base/version.gitVersion", VERSION),),
                                sources=((MODULE, "manifests"),)), {"metrics-server": VERSION})


def publish_all(job: Job) -> None:
    built = job[programs]
    with registry(job.out) as images:
        layer = images.layer(SKELETON, {"metrics-server": built / "bin/metrics-server"})
        images.push(Image(f"registry.k8s.io/metrics-server/metrics-server:{VERSION}", [layer],
                          entrypoint=["/metrics-server"], user="65534"))
    manifest = job.out / "www" / RELEASES / VERSION / "components.yaml"
    manifest.parent.mkdir(parents=True)
    release = built / "src/manifests/overlays/release"
    manifest.write_text(job.run(job[kubernetes] / "bin/kubectl", "kustomize", release))


published = Part("metrics-server", publish_all, inputs=(programs, kubernetes))
