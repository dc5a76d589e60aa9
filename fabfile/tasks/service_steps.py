"""The steps that bring what runs in the cluster for people: addresses, doors, storage, and each service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource


def whole_rack_steps(rack: Rack, *, only: str | None = None, dry: bool = False, quiet: bool = False) -> list[Step]:
    """The cluster, what services stand on, and every service.

    Services are prepared first: rooster is asked, if it can be; not for a run of another step alone.
    """
    from fabfile.engine.plan import is_called

    steps, last = rack_steps(rack), left_steps(rack)
    if only and any(is_called(step, only) for step in (*steps, *last)):
        return [*steps, *service_steps(rack), *last]
    return [*steps, *prepared_steps(rack, dry=dry, renew=False, quiet=quiet), *last]


def prepared_steps(rack: Rack, names: Iterable[str] | None = None, *, dry: bool = False, renew: bool = True,
                   quiet: bool = False, leave_out: tuple[str, ...] = (),
                   take_back: bool = False) -> list[Step]:
    """The steps of these services, or all, with what has to be known beforehand.

    Ends the task with code 2 when values are not what their charts take.
    """
    from invoke import Exit

    from fabfile.rack import RackProblems
    from fabfile.tasks.preparing import prepared

    try:
        ready = prepared(rack, names, dry=dry, renew=renew)
    except RackProblems as told:
        raise Exit(str(told), code=2) from None
    if ready.told and not quiet:
        print(*ready.told, sep="\n", end="\n\n")
    return service_steps(ready.rack, names, dict(ready.commits), leave_out, take_back)


def rack_steps(rack: Rack) -> list[Step]:
    """The cluster, and what services stand on: begun as early as it can be, verified when it is needed."""
    from fabfile.engine.step import Step
    from fabfile.roles.charts import helm
    from fabfile.roles.homes import storage_classes, storage_driver, storage_is_ready
    from fabfile.roles.load_balancer import addresses, load_balancer, metallb_is_ready
    from fabfile.tasks.steps import API, NODES, bootstrap_steps

    leader, rooster = (rack.leader,), (rack.gateway,)
    beside, early, later = publishing_steps(rack), [], []
    if rack.versions.helm is not None:
        beside.append(Step("helm", rooster, helm, needs=("gateway",)))
    if rack.versions.metallb is not None:
        early.append(Step("load balancer", leader, load_balancer, verify=metallb_is_ready, needs=API))
        later.append(Step("addresses", leader, addresses, needs=(*NODES, "load balancer")))
    if rack.volumes is not None:
        early.append(Step("storage", leader, storage_classes, verify=storage_is_ready, needs=API))
        if any(one.share for one in rack.volumes.classes.values()):  # its release is what "storage" waits for
            later.insert(0, Step("storage driver", rooster, storage_driver, needs=NODES))
    return [*bootstrap_steps(rack, beside, early), *later]


def left_steps(rack: Rack) -> list[Step]:
    """What left the files goes last, when all that they name is there: releases, then objects."""
    from fabfile.engine.step import Step
    from fabfile.roles.left import left_objects, left_releases

    releases = [Step("left releases", (rack.gateway,), left_releases)] if rack.versions.helm is not None else []
    return [*releases, Step("left objects", (rack.leader,), left_objects)]


def publishing_steps(rack: Rack) -> list[Step]:
    """rooster's nginx; where nothing is published any more, its end."""
    from fabfile.engine.step import Step
    from fabfile.roles.publishing import nginx_hands_on, publishing

    return [Step("publishing", (rack.gateway,), publishing, verify=nginx_hands_on, needs=("gateway",))]


def service_steps(rack: Rack, names: Iterable[str] | None = None, commits: dict[str, str] | None = None,
                  leave_out: tuple[str, ...] = (), take_back: bool = False) -> list[Step]:
    """These services, or all.

    `rack` has its secrets, and the roles are bound to it: whatever rack the engine was given.
    """
    from fabfile.engine.step import Step
    from fabfile.roles.hub import service, service_answers

    def role(name: str, _: Rack, machine: Machine) -> Iterator[Resource]:
        return service(rack, machine, name, (commits or {}).get(name, ""), leave_out, take_back)

    return [
        Step(name, (rack.gateway,), partial(role, name),
             verify=lambda _, machines, name=name: service_answers(rack, name))
        for name in (rack.services if names is None else names)
    ]
