"""NVIDIA GPUs of a node: the driver, what gives them to containers, and the class that pods name to have one.

The device plugin, which tells kubelet how many there are, is a chart of configs/services.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fabfile.rack import Machine, Rack
from fabfile.rack.gpu import DRIVER, PRESENT, RUNTIME, TAINT
from fabfile.resources import File, KernelHeaders, KernelModule, Packages, Resource
from fabfile.roles.manifests import Document, own
from fabfile.roles.programs import vendors_repository
from fabfile.roles.rendering import render

MODULES = {"open": "nvidia-kernel-open-dkms", "proprietary": "nvidia-kernel-dkms"}
TOOLKIT = "nvidia-container-toolkit"
PIN = "/etc/apt/preferences.d/coop-nvidia"


def gpu_packages(rack: Rack, machine: Machine) -> Mapping[str, str]:
    """The driver of the machine's branch, and the toolkit; nothing where the machine has no GPU."""
    if machine.gpu is None or rack.versions.nvidia is None:
        return {}
    branch = machine.gpu.versions
    return {DRIVER: branch, MODULES[machine.gpu.module]: branch, TOOLKIT: f"{rack.versions.nvidia.toolkit.version}-*"}


def gpu(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The driver, built for every kernel, and the container toolkit: at their versions and on hold."""
    packages, nvidia = gpu_packages(rack, machine), rack.versions.nvidia
    if machine.gpu is None or nvidia is None:
        return
    yield vendors_repository(rack, machine, "nvidia-driver", nvidia.driver)
    yield vendors_repository(rack, machine, "nvidia-container-toolkit", nvidia.toolkit)
    yield File(PIN, render("chick/etc/apt/preferences.d/coop-nvidia", driver=machine.gpu.versions, toolkit=packages[TOOLKIT]))
    yield KernelHeaders()
    others = tuple(name for name in MODULES.values() if name not in packages)
    yield Packages(packages, hold=tuple(packages), replace=others, interrupts=f"programs that use a GPU of {machine.name} fail until "
                   "it has been rebooted, where the driver changes")
    yield KernelModule("nvidia", "GPU", blocked_by="nouveau")


def gpus(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane: what a pod names to run on a node with a GPU, and to be given it."""
    if any(one.gpu for one in rack.chicks):
        yield from own("gpus", [runtime_class()])


def runtime_class() -> Document:
    """Whoever names it tolerates the nodes' taint, and is placed on one of them."""
    toleration = {"key": TAINT.key, "operator": "Exists", "effect": TAINT.effect}
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": RUNTIME}, "handler": RUNTIME,
            "scheduling": {"nodeSelector": {PRESENT: "true"}, "tolerations": [toleration]}}
