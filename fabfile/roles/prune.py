"""Pruning: objects and releases that Coop created, by its labels, and that the files no longer name."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import HelmRelease, KubernetesObjects, PrunedObjects, PrunedReleases, Resource
from fabfile.roles.calico import calico
from fabfile.roles.gpu import gpus
from fabfile.roles.homes import storage_classes, storage_driver
from fabfile.roles.load_balancer import addresses, load_balancer
from fabfile.roles.operators import kubeconfig
from fabfile.roles.organisations import marks
from fabfile.roles.quotas import quotas
from fabfile.upstream.paths import ADMIN_CONF

METALLB_KINDS = ("l2advertisements.metallb.io", "ipaddresspools.metallb.io")


def pruned_releases(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On the gateway, where helm is: releases, the driver for shares among them."""
    named = [f"{service.in_namespace}/{service.release_name}" for service in rack.services.values()]
    drivers = [one for one in storage_driver(rack, machine) if isinstance(one, HelmRelease)]
    yield PrunedReleases(tuple(named + [f"{one.namespace}/{one.release}" for one in drivers]), kubeconfig(rack))


def pruned_objects(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane: objects of the sets that the other roles describe."""
    sets = [one for role in (calico, gpus, quotas, load_balancer, addresses, storage_classes) for one in role(rack, machine)
            if isinstance(one, KubernetesObjects) and one.mark]
    yield PrunedObjects(own={**{one.mark: one.objects for one in sets if one.objects}, **marks(rack)},
                      vendors={one.mark: one.directory for one in sets if not one.objects},
                      kinds=METALLB_KINDS if rack.versions.metallb else (), kubeconfig=ADMIN_CONF)
