"""The whole cluster: bootstrap and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabfile.tasks.announcing import TELL_NOBODY
from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

RUN_HELP = {
    "dry": DRY,
    "only": "Run only this step, such as \"join\".",
    "from_": "Start at this step, and skip the earlier ones.",
    "limit": "Only these machines (comma-separated).",
    "yes": YES,
    "json": JSON,
}


@task(help=RUN_HELP)
def bootstrap(c: Context, dry: bool = False, only: str | None = None, from_: str | None = None, limit: str | None = None,
              yes: bool = False, json: bool = False) -> None:
    """Apply hosts.yaml and configs/ to the whole rack.

    The steps for --only and --from are in docs/tasks.md; a wrong name lists
    those of this rack.
    """
    from functools import partial

    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.service_steps import whole_rack_steps

    converge(command(), partial(whole_rack_steps, dry=dry),
             dry=dry, only=only, from_=from_, limit=limit, yes=yes, json=json)


@task(help={
    "at_once": "Number of workers that are upgraded at a time (default: 1).",
    "force": "Stop users' servers, and delete pods without a controller.",
    "wait": "Wait for users' servers to end, up to this long (2h) a node.",
    "silent": TELL_NOBODY,
    **{name: RUN_HELP[name] for name in ("dry", "yes", "json")},
})
def upgrade(c: Context, at_once: int = 1, force: bool = False, wait: str | None = None, silent: bool = False, dry: bool = False,
            yes: bool = False, json: bool = False) -> None:
    """Upgrade Kubernetes to the version in versions.yaml.

    Node by node, each verified before the next: control planes, then workers.
    Problems found at the start refuse it before any change, and so do users'
    servers without --wait or --force. If it is killed, run it again.
    """
    from functools import partial

    from fabfile.tasks.announcing import converged_and_told
    from fabfile.tasks.command_line import command
    from fabfile.tasks.durations import seconds_of
    from fabfile.tasks.rack import the_rack
    from fabfile.tasks.upgrading import upgrade_steps

    steps = partial(upgrade_steps, at_once=at_once, force=force, wait=seconds_of("--wait", wait) if wait is not None else 0)
    converged_and_told(command(), steps, the_rack(), tell=(force or wait is not None) and not silent, dry=dry, yes=yes, json=json)


@task(help={
    "renew": "Renew kubeadm's certificates and admin.conf; authorities stay.",
    "dry": "With --renew: show the changes, make none; exit 3 if there are any.",
    "yes": YES, "json": JSON})
def certs(c: Context, renew: bool = False, dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Show the cluster's certificates: in files, and served.

    Exits with 3 if one expires within 30 days. --renew also works when all have
    expired, and no API server answers.
    """
    from fabfile.tasks.certificates import renewal_steps, show
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge

    if not renew:
        show(json)
        return
    converge(command(), renewal_steps, dry=dry, yes=yes, json=json)


@task(help={"json": JSON})
def status(c: Context, json: bool = False) -> None:
    """Show nodes, versions, BGP, unready pods, certificates."""
    from time import time

    from fabfile.facts.cluster import parse, question
    from fabfile.facts.look import Look
    from fabfile.finding import healthy
    from fabfile.rules.examine import examine
    from fabfile.screen import cluster as screen
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.looking import unreachable
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.rack import the_rack

    with connected(the_rack()) as ways:
        rack, missing = find_leader(ways)
        state = parse(asked_of(rack, rack.leader, question(), ways=ways))
    found = examine(Look(rack, time(), unreachable=unreachable(missing), cluster=state))
    print(screen.as_json(state, found) if json else screen.as_text(state, found))
    if not healthy(found):
        raise SystemExit(3)
