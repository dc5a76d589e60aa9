"""GPUs that are not there, for the labs that ask for them: what NVIDIA publishes for a rack, under its names.

A machine has those of its /etc/nvidia-gpus. All around the driver is real: packages and what they need of each other, containerd's
runtime, kubelet's API of device plugins. The driver is not: its module is none of the kernel's, and no program can use the GPU.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.forge import apt, charts, deb
from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.gpus.module import kernel_module
from lab.forge.job import Job
from lab.forge.oci import SKELETON, Image, registry
from lab.forge.part import Part

HERE = Path(__file__).parent
CHART = HERE / "chart"
#: Two of one branch, and a newer branch that apt would take if nothing kept it from that.
DRIVERS = ("580.82.07", "580.95.05", "590.44.01")
TOOLKITS = ("1.18.1", "1.19.0")
PLUGIN = "0.18.0"

UNIT = """\
[Unit]
Description=Load the module nvidia, as udev does on a machine with a GPU
ConditionPathExists=/etc/nvidia-gpus

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=modprobe nvidia

[Install]
WantedBy=multi-user.target
"""

#: A computer that has its own modules shows them to its machines, read only: modinfo then knows none of this name.
BUILD = """\
install -D -m 644 /usr/src/nvidia-{version}/nvidia.ko "/lib/modules/$(uname -r)/updates/dkms/nvidia.ko" && depmod ||
  echo "no module is installed: /lib/modules cannot be written" >&2
"""


@dataclass(frozen=True)
class Module(deb.Package):
    """What DKMS would build when the package is installed."""

    def postinst(self) -> str:
        return f"#!/bin/sh\n[ \"$1\" = configure ] || exit 0\n{BUILD.format(version=self.version.partition('-')[0])}"


def drivers(job: Job, version: str) -> Iterator[deb.Package]:
    """A driver, in packages that want each other at their own version."""
    whole, home = f"{version}-1", "https://www.nvidia.com"

    def needs(*others: str) -> dict[str, str]:
        return {"Depends": ", ".join(f"{other} (= {whole})" for other in others)}

    yield deb.Package("libcuda1", whole, "NVIDIA CUDA driver library", {"usr/lib/nvidia/version": f"{version}\n"}, home)
    yield deb.Package("nvidia-driver-cuda", whole, "NVIDIA driver, without what a screen needs",
                      {"usr/bin/nvidia-smi": program(job, "nvidia-smi")}, home, needs("libcuda1"))
    yield deb.Package("nvidia-kernel-support", whole, "What loads the kernel module of NVIDIA",
                      {"usr/lib/modprobe.d/nvidia.conf": "install nvidia /usr/lib/nvidia/load\n",
                       "usr/lib/nvidia/load": program(job, "nvidia-load"),
                       "usr/lib/systemd/system/nvidia-load.service": UNIT}, home, unit="nvidia-load.service")
    module = job.scratch("nvidia") / f"{version}.ko"
    module.write_bytes(kernel_module(version=version, license="none: it has no code", name="nvidia"))
    yield Module("nvidia-kernel-open-dkms", whole, "Kernel module of NVIDIA, to be built by DKMS",
                 {f"usr/src/nvidia-{version}/nvidia.ko": module}, home, needs("nvidia-kernel-support"))


def toolkits(job: Job, version: str) -> Iterator[deb.Package]:
    whole, home = f"{version}-1", "https://github.com/NVIDIA/nvidia-container-toolkit"
    yield deb.Package("nvidia-container-toolkit-base", whole, "Runtime for containers that have GPUs",
                      {"usr/bin/nvidia-container-runtime": program(job, "nvidia-container-runtime")}, home)
    yield deb.Package("nvidia-container-toolkit", whole, "Tools for containers that have GPUs",
                      {"usr/share/nvidia-container-toolkit/version": f"{version}\n"}, home,
                      {"Depends": f"nvidia-container-toolkit-base (= {whole})"})


def program(job: Job, name: str) -> Path:
    """A file of this folder, to be run."""
    copy = job.scratch("nvidia") / name
    copy.write_bytes((HERE / f"{name}.sh").read_bytes())
    copy.chmod(0o755)
    return copy


def pack_repositories(job: Job) -> None:
    """www/ with both repositories, and the key of both in each."""
    cuda = job.out / "www/developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64"
    toolkit = job.out / "www/nvidia.github.io/libnvidia-container"
    for base, key, packages in (
            (cuda, cuda / "8793F200.pub", [one for version in DRIVERS for one in drivers(job, version)]),
            (toolkit / "stable/deb/amd64", toolkit / "gpgkey", [one for version in TOOLKITS for one in toolkits(job, version)])):
        for package in packages:
            deb.pack(job, package, base)
        apt.publish(job, base, signing_key, {"Origin": "NVIDIA", "Label": "NVIDIA"})
        key.write_bytes((job[signing_key] / "public.asc").read_bytes())


def publish_plugin(job: Job) -> None:
    """www/ with the image and the chart."""
    with registry(job.out) as images:
        layer = images.layer(SKELETON, {"usr/bin/nvidia-device-plugin": job[programs] / "bin/nvidia-device-plugin"})
        images.push(Image(f"nvcr.io/nvidia/k8s-device-plugin:v{PLUGIN}", [layer], entrypoint=["nvidia-device-plugin"]))
    charts.publish(job, "nvidia.github.io/k8s-device-plugin", CHART)


signing_key = apt.signing_key("gpus", "cudatools <cudatools@nvidia.com>")
programs = go_programs("gpus-programs", HERE, Programs(package=".", renamed=(("gpus", "nvidia-device-plugin"),)),
                       {"kubelet-api": required(HERE)["k8s.io/kubelet"]})
packages = Part("gpus-packages", pack_repositories, inputs=(signing_key,), files=tuple(sorted(HERE.glob("*.sh"))))
plugin = Part("gpus-plugin", publish_plugin, inputs=(programs,), files=charts.files_of(CHART))
published = (packages, plugin)
