"""containerd, as kubelet needs it: systemd's cgroups, and the sandbox image that kubeadm names."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import File, Resource, Unit
from fabfile.roles.cache import cached_images
from fabfile.roles.proxy import CONTAINERD as PROXY
from fabfile.roles.proxy import proxied_images
from fabfile.roles.rendering import render
from fabfile.upstream.documents import containerd_configuration
from fabfile.upstream.paths import CRI_SOCKET

CONFIG = "/etc/containerd/config.toml"


# containerd runs on without its CRI when that cannot read its part of the file: what kubelet asks has to answer
ANSWERS = f"crictl --timeout 3s --runtime-endpoint {CRI_SOCKET} info >/dev/null 2>&1"


def runtime(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """containerd with the rack's settings, and crictl beside it."""
    yield File(CONFIG, containerd_config(rack, machine), check="containerd --config {} config dump", asks=True)
    yield cached_images(rack)
    yield proxied_images(rack)
    yield Unit("containerd", watches=(CONFIG, PROXY), answers=ANSWERS,
               interrupts=f"containerd restarts on {machine.name}: its pods keep running, new ones wait")
    yield File("/etc/crictl.yaml", render("chick/etc/crictl.yaml", socket=CRI_SOCKET))


def containerd_config(rack: Rack, machine: Machine) -> str:
    """config.toml: read by every containerd 2.x, with what cluster.yaml says under `containerd`.

    The package of Docker's repository comes with the CRI plugin switched off, so the file is written whole.
    """
    import tomli_w

    return tomli_w.dumps(containerd_configuration(rack, machine))
