"""The cluster as a whole: made, and looked at."""

from __future__ import annotations

from fabfile.tasks.teaching import task

RUN_HELP = {
    "dry": "Show what would change, change nothing; exit 3 when something would.",
    "only": "Do this step alone.",
    "from_": "Begin with this step.",
    "limit": "Touch these machines alone (separated by commas).",
    "yes": "Agree to what the plan interrupts.",
    "json": "Print JSON.",
}


@task(help=RUN_HELP)
def bootstrap(c, dry=False, only=None, from_=None, limit=None, yes=False, json=False):
    """Bring the whole rack to what hosts.yaml says."""
    from functools import partial

    from fabfile.tasks.converge import converge
    from fabfile.tasks.service_steps import whole_rack_steps
    from fabfile.tasks.typed import command

    converge(c, command(), partial(whole_rack_steps, dry=dry),
             dry=dry, only=only, from_=from_, limit=limit, yes=yes, json=json)


@task(help={"json": "Print JSON."})
def status(c, json=False):
    """Show nodes, versions, BGP, pods not ready, certificates."""
    from fabfile.facts.cluster import findings, parse, question
    from fabfile.finding import healthy
    from fabfile.screen import cluster as screen
    from fabfile.tasks.queries import asked_of
    from fabfile.tasks.leading import connected, find_leader
    from fabfile.tasks.rack import the_rack

    with connected(the_rack()) as ways:
        rack, missing = find_leader(ways)
        state = parse(asked_of(rack, rack.leader, question(), ways=ways))
    found = findings(state, [machine.name for machine in rack.chicks],
                     {machine.name for machine in rack.chicks if machine.expected_off},
                     {name: error.problem for name, error in missing.items()})
    print(screen.as_json(state, found) if json else screen.as_text(state, found))
    if not healthy(found):
        raise SystemExit(3)
