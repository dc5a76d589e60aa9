"""Time: certificates, etcd and logs depend on it."""

from __future__ import annotations

from statistics import median

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, apply, rule

APART = 60  # seconds that two clocks may differ: a look takes some of them


@rule(here=("clock_not_synchronized",))
def chrony_not_running(look: Look) -> Found:
    """chrony is not running, so nothing sets the clock."""
    for name, state in look.machines.items():
        unit = state.units.get("chrony")
        if unit and unit.loaded and not unit.runs:
            yield Finding(f"chrony does not run on {name}", name, Severity.DEGRADED, unit.active, unit.since, _fix(look, name))


@rule()
def clock_not_synchronized(look: Look) -> Found:
    """chrony runs, and knows no time that it trusts."""
    for name, state in look.machines.items():
        if state.text("clock") not in ("", "Normal", "Insert second", "Delete second"):
            yield Finding(f"the clock of {name} is not synchronized", name, Severity.NOTICE, state.text("clock"),
                          fix=f"fab -H {name} -- chronyc sources shows its sources; {_fix(look, name)}")


@rule(here=("certificate_expired", "node_not_ready", "api_server_down", "etcd_down"))
def clock_differs(look: Look) -> Found:
    """A machine's clock differs from the others' by more than a minute."""
    times = {name: state.now for name, state in look.machines.items() if state.now}
    if len(times) < 2:
        return
    middle = median(times.values())
    for name, at in times.items():
        if abs(at - middle) > APART:
            yield Finding(f"the clock of {name} is {abs(at - middle):.0f} s {'ahead' if at > middle else 'behind'}", name,
                          Severity.DEGRADED, fix=f"fab -H {name} -- sudo chronyc makestep")


def _fix(look: Look, name: str) -> str:
    return "inv gateway.apply" if name == look.rack.gateway.name else apply(name)
