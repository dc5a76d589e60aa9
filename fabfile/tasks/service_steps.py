"""The steps for what runs in the cluster: load balancer, publishing, storage, and each service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Check, Resource
    from fabfile.roles.manifests import Role
    from fabfile.tasks.preparing import Preparing


def whole_rack_steps(rack: Rack, *, dry: bool = False) -> list[Step]:
    """The cluster, what services stand on, and every service; pages that are deployed stay at their commit."""
    from fabfile.tasks.preparing import Preparing

    return [*rack_steps(rack), *service_steps(rack, preparing=Preparing(rack, dry=dry, renew=False)), *prune_steps(rack)]


def rack_steps(rack: Rack) -> list[Step]:
    """The cluster, and what services stand on: begun as early as it can be, verified when it is needed."""
    from fabfile.engine.step import Step
    from fabfile.roles.calico import calico
    from fabfile.roles.charts import helm
    from fabfile.roles.gpu import gpus
    from fabfile.roles.homes import storage_classes, storage_driver, storage_is_ready
    from fabfile.roles.homes_quota import homes_claims, homes_of
    from fabfile.roles.load_balancer import addresses, load_balancer, metallb_is_ready
    from fabfile.roles.manifests import files_of
    from fabfile.roles.organisations import organisations
    from fabfile.roles.pod_routes import nodes_tell_their_pods
    from fabfile.roles.quotas import quotas
    from fabfile.tasks.steps import API, NODES, bootstrap_steps, gpu_steps

    leader, rooster = (rack.leader,), (rack.gateway,)
    beside, early, later = [*publishing_steps(rack), *file_server_steps(rack)], [], []
    applied: list[Role] = [calico]
    if rack.versions.helm is not None:
        beside.append(Step("helm", rooster, helm, needs=("gateway",)))
    if rack.versions.metallb is not None:
        applied += [load_balancer, addresses]
        early.append(Step("load balancer", leader, load_balancer, verify=metallb_is_ready, needs=API))
        later.append(Step("addresses", leader, addresses, needs=(*NODES, "load balancer")))
    if rack.organisations:
        applied.append(organisations)
        later.append(Step("organisations", leader, organisations, verify=nodes_tell_their_pods,
                          needs=(*NODES, "load balancer")))
    if homes_of(rack) is not None:
        later.append(Step("homes", leader, homes_claims, needs=API))
        applied.append(homes_claims)
    if any(service.quota for service in rack.services.values()):
        later.append(Step("quotas", leader, quotas, needs=API))
        applied.append(quotas)
    if rack.storage_classes is not None:
        applied.append(storage_classes)
        early.append(Step("storage", leader, storage_classes, verify=storage_is_ready, needs=API))
        if any(one.share for one in rack.storage_classes.classes.values()):  # its release is what "storage" waits for
            later.insert(0, Step("storage driver", rooster, storage_driver, needs=NODES))
    if gpu := gpu_steps(rack, rack.chicks):
        later += gpu
        applied.append(gpus)
    if others := tuple(machine for machine in rack.control_planes if machine not in leader):
        later.append(Step("manifests", others, partial(files_of, applied), needs=NODES))
    return [*bootstrap_steps(rack, beside, early), *later]


def file_server_steps(rack: Rack) -> list[Step]:
    """The machines with pools; none where the rack's files name no pool."""
    from fabfile.engine.step import Step
    from fabfile.roles.file_server import file_server, zfs_answers
    from fabfile.roles.homes_quota import homes_quota
    from fabfile.roles.pools import datasets, exports_are_reached, pools, pools_are_online

    def exports(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield from datasets(rack, machine)
        yield from homes_quota(rack, machine)

    machines = rack.file_servers
    if not machines:
        return []
    return [
        Step("file server", machines, file_server, verify=zfs_answers, needs=("gateway",)),
        Step("pools", machines, pools, verify=pools_are_online, needs=("file server",)),
        Step("exports", machines, exports, verify=exports_are_reached, needs=("pools",)),
    ]


def prune_steps(rack: Rack) -> list[Step]:
    """What left the files goes last, when all that they name is there: releases, then objects."""
    from fabfile.engine.step import Step
    from fabfile.roles.prune import pruned_objects, pruned_releases

    releases = [Step("prune releases", (rack.gateway,), pruned_releases)] if rack.versions.helm is not None else []
    return [*releases, Step("prune objects", (rack.leader,), pruned_objects)]


def publishing_steps(rack: Rack) -> list[Step]:
    """rooster's nginx; where nothing is published any more, its end."""
    from fabfile.engine.step import Step
    from fabfile.roles.publishing import nginx_forwards, publishing

    return [Step("publishing", (rack.gateway,), publishing, verify=nginx_forwards, needs=("gateway",))]


def service_steps(rack: Rack, names: Iterable[str] | None = None, preparing: Preparing | None = None,
                  leave_out: tuple[str, ...] = (), force_conflicts: bool = False) -> list[Step]:
    """These services, or all: hubs last, as a canary may want what another chart brings, such as the GPUs of a device plugin. Their
    roles are bound to what `preparing` has found out by the time they are called."""
    from fabfile.engine.step import Step
    from fabfile.roles.hub import service, service_answers

    def role(name: str, rack: Rack, machine: Machine) -> Iterator[Resource]:
        ready = preparing.ready if preparing else None
        return service(ready.rack if ready else rack, machine, name, ready.commits.get(name, "") if ready else "",
                       leave_out, force_conflicts)

    def answers(name: str, rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
        return service_answers(rack, name)

    return [
        Step(name, (rack.gateway,), partial(role, name), prepare=preparing,
             verify=partial(answers, name))
        for name in sorted(rack.services if names is None else names, key=lambda name: rack.services[name].is_hub)
    ]
