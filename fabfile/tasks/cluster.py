"""The cluster as a whole: made, and looked at."""

from __future__ import annotations

from fabfile.tasks.teaching import task

RUN_HELP = {
    "dry": "Show what would change, change nothing; exit 3 when something would.",
    "only": "Do this step alone.",
    "from_": "Begin with this step.",
    "limit": "Touch these machines alone (separated by commas).",
    "json": "For programs.",
}


@task(help=RUN_HELP)
def bootstrap(c, dry=False, only=None, from_=None, limit=None, json=False):
    """Bring the whole rack to what hosts.yaml says."""
    from functools import partial

    from fabfile.tasks.converge import converge
    from fabfile.tasks.service_steps import whole_rack_steps

    converge(c, "cluster.bootstrap", partial(whole_rack_steps, only=only, dry=dry, quiet=json),
             dry=dry, only=only, from_=from_, limit=limit, json=json)


@task(help={"json": "For programs."})
def status(c, json=False):
    """Show nodes, versions, BGP, pods not ready, certificates."""
    from fabfile.facts.cluster import QUESTION, parse
    from fabfile.screen import cluster as screen
    from fabfile.tasks.asking import asked_of
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    state = parse(asked_of(rack, rack.first_control_plane, QUESTION))
    print(screen.as_json(state) if json else screen.as_text(state, [machine.name for machine in rack.chicks]))
    if not state.healthy:
        raise SystemExit(3)
