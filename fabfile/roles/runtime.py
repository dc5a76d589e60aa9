"""containerd, as kubelet wants it: systemd's cgroups, and the sandbox image that kubeadm names."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Rack
from fabfile.rack.upstream import CRI_SOCKET, containerd_configuration
from fabfile.resources import File, Resource, Unit
from fabfile.roles.rendering import render

CONFIG = "/etc/containerd/config.toml"


def runtime(rack: Rack) -> Iterator[Resource]:
    """containerd with the rack's settings, and crictl beside it."""
    yield File(CONFIG, containerd_config(rack), check="containerd --config {} config dump")
    yield Unit("containerd", watches=(CONFIG,))
    yield File("/etc/crictl.yaml", render("chick/etc/crictl.yaml", socket=CRI_SOCKET))


def containerd_config(rack: Rack) -> str:
    """config.toml: read by every containerd 2.x, with what cluster.yaml says under `containerd`.

    The package of Docker's repository comes with the CRI plugin switched off, so the file is written whole.
    """
    import tomli_w

    return tomli_w.dumps(containerd_configuration(rack))
