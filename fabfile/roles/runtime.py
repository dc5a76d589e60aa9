"""containerd, as kubelet wants it: systemd's cgroups, and the sandbox image that kubeadm names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fabfile.rack import Rack
from fabfile.rack.upstream import CRI_SOCKET, settle
from fabfile.resources import File, Resource, Unit
from fabfile.roles.rendering import render

CONFIG = "/etc/containerd/config.toml"

# kubeadm's constants.PauseVersion, by minor; a check compares it with what the machine's kubeadm says
PAUSE = {"1.34": "3.10.1", "1.35": "3.10.1", "1.36": "3.10.2", "1.37": "3.10.2"}


def runtime(rack: Rack) -> Iterator[Resource]:
    """containerd with the rack's settings, and crictl beside it."""
    yield File(CONFIG, containerd_config(rack), check="containerd --config {} config dump")
    yield Unit("containerd", watches=(CONFIG,))
    yield File("/etc/crictl.yaml", render("chick/etc/crictl.yaml", socket=CRI_SOCKET))


def containerd_config(rack: Rack) -> str:
    """config.toml, version 3: read by every containerd 2.x, with what cluster.yaml says under `containerd`.

    The package of Docker's repository comes with the CRI plugin switched off, so the file is written whole.
    """
    import tomli_w

    demanded: dict[str, Any] = {
        "version": 3,
        "plugins": {
            "io.containerd.cri.v1.runtime": {"containerd": {"runtimes": {"runc": {
                "runtime_type": "io.containerd.runc.v2",
                "options": {"SystemdCgroup": True},
            }}}},
        },
    }
    images: dict[str, Any] = {"registry": {"config_path": "/etc/containerd/certs.d"}}
    if sandbox := sandbox_image(rack):
        images["pinned_images"] = {"sandbox": sandbox}
    return tomli_w.dumps(settle(rack, ("containerd",), demanded,
                                {"plugins": {"io.containerd.cri.v1.images": images}}))


def sandbox_image(rack: Rack) -> str:
    """The pause image of the rack's Kubernetes; empty for an unknown minor: containerd then has its own."""
    version = PAUSE.get(rack.versions.kubernetes.minor)
    registry = rack.cluster.kubeadm.ClusterConfiguration.get("imageRepository", "registry.k8s.io")
    return f"{registry}/pause:{version}" if version else ""
