"""A site's proxy: what machines fetch from outside goes through it, and nothing of the rack's own does.

Each program is told in its own file, and none by the environment: kubeadm would write that into the control plane's pods.
"""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Rack
from fabfile.resources import Absent, File, Resource
from fabfile.roles.rendering import render

APT, CURL, SHELL = "/etc/apt/apt.conf.d/51proxy", "/etc/coop/.curlrc", "/etc/coop/proxy.env"
CONTAINERD = "/etc/systemd/system/containerd.service.d/coop-proxy.conf"


def proxied(rack: Rack) -> Iterator[Resource]:
    """On every machine: apt, curl (which looks there by CURL_HOME), and what helm and git are run with."""
    if rack.network.proxy is None:
        yield from map(Absent, (APT, CURL, SHELL))
        return
    values = {"url": rack.network.proxy.url, "direct": direct(rack), "rooster": rack.gateway.address()}
    yield File(APT, render("every/etc/apt/apt.conf.d/51proxy", **values), check="apt-config -c {} dump")
    yield File(CURL, render("every/etc/coop/.curlrc", **values))
    yield File(SHELL, render("every/etc/coop/proxy.env", **values))


def proxied_images(rack: Rack) -> Resource:
    """On chicks: containerd, which pulls images. Its unit watches this file."""
    if rack.network.proxy is None:
        return Absent(CONTAINERD)
    return File(CONTAINERD, render("chick/etc/systemd/system/containerd.service.d/coop-proxy.conf",
                                   url=rack.network.proxy.url, direct=direct(rack)))


def direct(rack: Rack) -> tuple[str, ...]:
    """What is reached without the proxy: the machines, pods, services, their addresses and names, and what network.yaml adds."""
    assert rack.network.proxy is not None
    plan = rack.network
    return ("localhost", "127.0.0.1", *map(str, (plan.node, plan.pod, plan.service, *plan.load_balancer)),
            f".{plan.domain}", rack.cluster.endpoint, ".svc", ".cluster.local", *plan.proxy.direct) if plan.proxy else ()
