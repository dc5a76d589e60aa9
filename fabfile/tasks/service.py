"""Charts of configs/services.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.hub import UPGRADE, upgrade_release
from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context


WHICH = {"name": "Name of the service in configs/services.yaml."}


@task(positional=["name"], help=WHICH | {flag: told for flag, told in UPGRADE.items() if flag != "hub"})
def upgrade(c: Context, name: str, dry: bool = False, leave_out: str = "", force_conflicts: bool = False, yes: bool = False,
            json: bool = False) -> None:
    """Upgrade a chart of services.yaml; roll back on failure.

    The version is chart.version there. It fails if its pods are not ready in
    time. For a hub this is the same as hub.upgrade --hub NAME.
    """
    from fabfile.rack.spelling import did_you_mean
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    if name not in rack.services:
        raise Exit(f"rack {rack.name} has no service {name!r} ({did_you_mean(name, rack.services)})", code=2)
    upgrade_release(name, dry, leave_out, force_conflicts, yes, json)


@task(name="list")
def list_services(c: Context) -> None:
    """List the charts of the rack, with release and name."""
    from fabfile.screen.table import table
    from fabfile.tasks.rack import the_rack

    rows = [(name, service.chart.full, f"{service.in_namespace}/{service.release_name}",
             service.publish or "") for name, service in the_rack().services.items()]
    print(table(("service", "chart", "release", "published as"), rows))
