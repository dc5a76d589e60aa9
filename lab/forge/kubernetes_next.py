"""The next minor of Kubernetes, to which a lab's rack can be upgraded; for the labs that ask for it.

It is the same programs under another number, in seconds and not in a quarter of an hour: what a rack goes through in an
upgrade is real, packages, static pods, kubeadm's own order; what is new in a minor is not there.
"""
from __future__ import annotations

from dataclasses import replace

from lab.forge import kubernetes
from lab.forge.coredns import programs as coredns
from lab.forge.event import ForgeError
from lab.forge.job import Job
from lab.forge.kubernetes.release import packed
from lab.forge.part import Part

FORMER = kubernetes.whole.versions
VERSION = "v1.37.0"


def renumber(job: Job) -> None:
    """Copies in which each mention of the former version is one of the next. Both are as long, so that nothing moves."""
    former, following = FORMER.kubernetes.encode(), VERSION.encode()
    if len(former) != len(following):
        raise ForgeError(job.part.name, f"{FORMER.kubernetes} and {VERSION} are not of one length")
    (job.out / "bin").mkdir()
    for program in (job[kubernetes.programs] / "bin").iterdir():
        copy = job.out / "bin" / program.name
        copy.write_bytes(program.read_bytes().replace(former, following))
        copy.chmod(0o755)
    said = job.run(job.out / "bin/kubelet", "--version").strip()
    if said != f"Kubernetes {VERSION}":
        raise ForgeError(job.part.name, f"kubelet calls itself {said}")


programs = Part("kubernetes-next-programs", renumber, inputs=(kubernetes.programs,), settings=(FORMER.kubernetes, VERSION),
                versions={"kubernetes-next": VERSION})
whole = packed("kubernetes-next", replace(FORMER, kubernetes=VERSION), programs, coredns)
