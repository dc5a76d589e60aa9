"""Hubs: upgrade, status, rollback, and users."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke import Collection, Exit

from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Rack
    from fabfile.rack.services import Service

HUB = {"hub": "Its name in configs/services.yaml (default: the one of configs/hub.yaml)."}
UPGRADE = HUB | {
    "dry": DRY,
    "leave_out": "Go on without these nodes (a,b); no node then pulls images ahead.",
    "force_conflicts": "Take over fields that another field manager has set.",
    "yes": YES,
    "json": JSON,
}


@task(help=UPGRADE)
def upgrade(c: Context, hub: str = "hub", dry: bool = False, leave_out: str = "", force_conflicts: bool = False,
            yes: bool = False, json: bool = False) -> None:
    """Upgrade a hub, test it, roll back if the test fails.

    The version is chart.version in configs/hub.yaml (or services.yaml). A node
    that is not Ready stops the upgrade, unless it is left out.
    """
    from fabfile.resources.helm import ReleaseFacts
    from fabfile.resources.helm_scripts import other_managers
    from fabfile.roles.operators import kubeconfig
    from fabfile.tasks.queries import asked_of

    rack, service = the_hub(hub)
    look = other_managers(service.release_name, service.in_namespace, kubeconfig(rack))
    if not json and not force_conflicts and (others := ReleaseFacts(asked_of(rack, rack.gateway, look)).foreign):
        print(f"fields set by another field manager: {others}; --force-conflicts takes them over, or write them into the values\n")
    upgrade_release(hub, dry, leave_out, force_conflicts, yes, json)


@task(help=HUB | {"json": JSON})
def status(c: Context, hub: str = "hub", json: bool = False) -> None:
    """Show a hub's release, pods, pages and servers.

    Where homes lie on a file server, the ten fullest of this hub, too.
    """
    from time import time

    from fabfile.facts.hub import parse, question
    from fabfile.facts.look import Look
    from fabfile.finding import healthy
    from fabfile.roles.hub import api_command
    from fabfile.roles.operators import kubeconfig
    from fabfile.rules.examine import examine
    from fabfile.screen import hub as screen
    from fabfile.tasks.homes_of import fullest_homes
    from fabfile.tasks.queries import asked_of

    rack, service = the_hub(hub)
    state = parse(
        hub,
        asked_of(rack, rack.gateway,
                 question(service, kubeconfig(rack), api_command(rack, service, "info")), limit=120.0))
    found = examine(Look(rack, time(), hubs={hub: state}))
    homes, unknown = fullest_homes(rack, service.in_namespace)
    print(screen.state_as_json(state, found, homes) if json else screen.state_as_text(state, found, homes, unknown))
    if not healthy(found):
        raise SystemExit(3)


@task(help=HUB | {"profile": "Slug of the profile to start (default: canary.profile of the hub's file)."})
def prove(c: Context, hub: str = "hub", profile: str | None = None) -> None:
    """Test a hub: log in, start a server, run a cell."""
    from json import loads

    from fabfile.resources import helm_scripts
    from fabfile.roles.hub import released
    from fabfile.tasks.actions import act

    def format_output(said: str) -> str:
        try:
            found = loads(said.strip().rpartition("\n")[2])
        except ValueError:
            return said
        did = f"{service.canary.user} ran a cell on {hub}" if found["user"] else f"{hub} answers, and no server was started"
        return (f"{did} (JupyterHub {found['version']}): "
                + ", ".join(f"{name} {seconds} s" for name, seconds in found["seconds"].items()))

    rack, service = the_hub(hub)
    refuse_when_silent(rack, service)
    # only the canary's own profile proves a revision as an upgrade does
    script = helm_scripts.prove(released(rack, service, profile), noted=profile in (None, service.canary.profile))
    act(rack, rack.gateway, f"run a cell on {hub}", script, long=True, limit=service.canary.seconds * 2 + 300.0,
        format_output=format_output)


@task(help=HUB)
def restart(c: Context, hub: str = "hub") -> None:
    """Restart a hub; users' servers keep running."""
    from fabfile.resources import helm_scripts
    from fabfile.roles.hub import released
    from fabfile.tasks.actions import act

    rack, service = the_hub(hub)
    refuse_when_silent(rack, service)
    act(rack, rack.gateway, f"restart {hub}", helm_scripts.restart(released(rack, service)), long=True,
        limit=service.seconds + 60.0, format_output=helm_scripts.lasting)


@task(help=HUB | {"lines": "Number of lines."})
def logs(c: Context, hub: str = "hub", lines: int = 100) -> None:
    """Print the newest log lines of a hub."""
    from fabfile.tasks.queries import asked_of

    rack, service = the_hub(hub)
    said = asked_of(rack, rack.gateway,
                    kubectl(rack, service, f"logs deployment/hub -c hub --tail={lines}") + " && echo DONE")
    print(said.removesuffix("DONE\n"), end="")
    if not said.endswith("DONE\n"):
        raise Exit(code=1)


@task(numbers=["revision"],
      help=HUB | {"revision": "Number, as --dry lists them (default: the last verified one before the current).",
                  "dry": "Dry run: show the revision and what happens to the database; exit 3.",
                  "yes": "Approve the data loss if an older copy of the database is restored."})
def rollback(c: Context, hub: str = "hub", revision: int | None = None, dry: bool = False, yes: bool = False) -> None:
    """Roll a hub back to a verified revision, and test it.

    Verified: a test user ran a cell on it, in hub.upgrade or hub.prove. The
    database stays, unless that revision cannot read it: then a copy is
    restored, after you are asked.
    """
    from fabfile.resources import helm_scripts
    from fabfile.roles.hub import released
    from fabfile.tasks.actions import act
    from fabfile.tasks.queries import asked_of

    rack, service = the_hub(hub)
    refuse_when_silent(rack, service)
    what = released(rack, service)
    said = asked_of(rack, rack.gateway, helm_scripts.rollback_plan(what, revision),
                    limit=180.0)
    plan = helm_scripts.RollbackPlan.read(said)
    if plan is None:
        raise Exit(said.strip() or "no answer", code=1)
    print(plan.shown, plan.database, sep="\n")
    if dry or plan.impossible:
        raise SystemExit(1 if plan.impossible else 3)
    act(rack, rack.gateway, f"roll {hub} back to revision {plan.revision}", helm_scripts.rollback(what, plan.revision),
        long=True, limit=service.seconds * 3 + service.canary.seconds * 2 + 600.0,
        interrupts=plan.database if plan.restores else "", yes=yes, format_output=helm_scripts.lasting)
    print(f"the files may differ from this revision: inv hub.upgrade --hub {hub} --dry")


@task(may="text", help=HUB | {
    "text": "What users read on the hub's pages.",
    "until": "When it disappears: 18:00, or 2026-12-24T18:00.", "clear": "Remove the announcement.",
    "dry": DRY,
    "yes": YES, "json": JSON})
def announce(c: Context, text: str | None = None, hub: str = "hub", until: str | None = None, clear: bool = False,
             dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Show users an announcement on the hub's pages.

    It is written into the hub's file, and the hub restarts with it; users'
    servers keep running. It disappears by itself after --until.
    """
    from datetime import datetime

    from fabfile.tasks.announcing import write_announcement
    from fabfile.upstream.announcement import announcement, moment

    if bool(text) == clear:
        raise Exit("inv hub.announce TEXT shows an announcement, inv hub.announce --clear removes it", code=2)
    try:
        end = moment(until, datetime.now().astimezone()) if until else None
    except ValueError as wrong:
        raise Exit(f"--until: {until!r} is no time to come ({wrong}): 18:00, or 2026-12-24T18:00", code=2) from None
    rack, service = the_hub(hub)
    if write_announcement(rack, service, announcement(text or "", end) if text else None, dry) and dry:
        raise SystemExit(3)
    upgrade_release(hub, dry, "", False, yes, json)


@task(name="stop-server", positional=["user"], help=HUB | {"user": "User name."})
def stop_server(c: Context, user: str, hub: str = "hub") -> None:
    """Stop a user's server."""
    change_by_api(hub, "stop-server", f"stop the server of {user}", lambda found:
                  f"the server of {user} is stopped" if found["stopped"] else f"{user} had no server", user=user)


@task(name="list", help=HUB | {"json": JSON})
def list_users(c: Context, hub: str = "hub", json: bool = False) -> None:
    """List a hub's users."""
    from json import dumps

    from fabfile.screen import hub as screen

    rack, service = the_hub(hub)
    found = api(rack, service, "users")
    print(dumps(found, indent=1) if json else screen.users_as_text(found))


@task(name="add", positional=["user"], help=HUB | {"user": "User name."})
def add_user(c: Context, user: str, hub: str = "hub") -> None:
    """Add a user to a hub."""
    change_by_api(hub, "add", f"add {user}", lambda found:
                  f"{user} is known to {hub}" + ("" if found["new"] else " already"), user=user)


@task(name="remove", positional=["user"], help=HUB | {"user": "User name."})
def remove_user(c: Context, user: str, hub: str = "hub") -> None:
    """Remove a user from a hub; the user's files stay."""
    change_by_api(hub, "remove", f"remove {user}", lambda found:
                  f"{user} was removed from {hub}; the user's files stay", user=user)


@task(name="admin", positional=["user"], help=HUB | {"user": "User name.", "no": "Revoke the admin role."})
def admin_user(c: Context, user: str, hub: str = "hub", no: bool = False) -> None:
    """Make a user an admin of a hub, or no longer."""
    said = f"{user} is {'no longer ' if no else ''}an admin of {hub}"
    change_by_api(hub, "admin", said, lambda found: said, user=user, admin=not no)


@task(may="folder",
      help={"folder": "Checkout of a template repository (default: configs/templates)."})
def lint(c: Context, folder: str | None = None) -> None:
    """Check hub pages for code of an older JupyterHub."""
    from pathlib import Path

    from fabfile.loading import rack_folder
    from fabfile.upstream.pages import FOLDER, read_folder
    from fabfile.upstream.template_lint import lint

    top = Path(folder).expanduser() if folder else rack_folder() / FOLDER
    pages = read_folder(top)
    problems = lint({path: content.decode(errors="replace") for path, content in pages.items()})
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(pages)} files in {top}: {len(problems) or 'no'} problems")
    if problems:
        raise SystemExit(3)


def the_hub(name: str) -> tuple[Rack, Service]:
    """The rack and its hub of that name; the task ends with code 2 when there is none."""
    from fabfile.rack.spelling import did_you_mean
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    hubs = {name: service for name, service in rack.services.items() if service.is_hub}
    if name not in hubs:
        raise Exit(
            f"rack {rack.name} has no hub {name!r} "
            f"({did_you_mean(name, hubs) or 'configs/hub.yaml defines one'})", code=2)
    return rack, hubs[name]


def refuse_when_silent(rack: Rack, service: Service) -> None:
    """Ends the task with code 1 when the hub stands on a machine that says nothing: what is waited for would not
    come."""
    from fabfile.facts.hub import parse, question
    from fabfile.roles.operators import kubeconfig
    from fabfile.rules.hub import sick_node
    from fabfile.screen.findings import as_text
    from fabfile.tasks.queries import asked_of

    state = parse(service.name, asked_of(rack, rack.gateway, question(service, kubeconfig(rack)), limit=60.0))
    if state.blocked:
        raise Exit(as_text(map(sick_node, state.blocked)), code=1)


def upgrade_release(service: str, dry: bool, leave_out: str, force_conflicts: bool, yes: bool, json: bool) -> None:
    """Prepares one service and converges on its step, with what it stands on already there."""
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.preparing import Preparing
    from fabfile.tasks.service_steps import service_steps

    def steps(rack: Rack) -> list[Any]:
        left = tuple(filter(None, (node.strip() for node in leave_out.split(","))))
        for node in left:
            rack.machine(node)
        return service_steps(rack, [service], Preparing(rack, [service], dry=dry), left, force_conflicts)

    converge(command(), steps, dry=dry, yes=yes, json=json)


def api(rack: Rack, service: Service, what: str, **more: Any) -> Any:
    """What the hub's API says; the task ends with code 1 when it says no."""
    from json import loads

    from fabfile.tasks.queries import asked_of

    said = asked_of(rack, rack.gateway, api_script(rack, service, what, **more), limit=300.0).strip()
    try:
        return loads(said.rpartition("\n")[2])
    except ValueError:
        raise Exit(said or "no answer", code=1) from None


def change_by_api(hub: str, what: str, shown: str, format_output: Callable[[Any], str], **more: Any) -> None:
    """Changes something by the hub's API, as a run of its own; `format_output` makes a sentence of the result."""
    from json import loads

    from fabfile.tasks.actions import act

    def format_answer(said: str) -> str:
        try:
            return format_output(loads(said.strip().rpartition("\n")[2]))
        except ValueError:
            return said

    rack, service = the_hub(hub)
    act(rack, rack.gateway, f"{shown} ({hub})", api_script(rack, service, what, **more), limit=300.0, format_output=format_answer)


def api_script(rack: Rack, service: Service, what: str, **more: Any) -> str:
    """Shell text that asks the hub's API; the task ends with code 2 when Coop has no token for it."""
    from fabfile.rack.files import SECRETS
    from fabfile.roles.hub import api_command
    from fabfile.upstream.release import API, looked_up

    if not looked_up(rack.secrets.get(service.name), "hub", "services", API, "apiToken"):
        raise Exit(
            f"{SECRETS} has no token for {service.name}: "
            f"inv hub.upgrade --hub {service.name} reads it from the running hub", code=2)
    return api_command(rack, service, what, **more)


def kubectl(rack: Rack, service: Service, *commands: str) -> str:
    """Shell text that asks kubectl about the hub's namespace."""
    from fabfile.roles.operators import kubeconfig

    return " &&\n".join(f"kubectl --kubeconfig {kubeconfig(rack)} -n {service.in_namespace} {command}"
                        for command in commands)


namespace = Collection("hub", upgrade, status, prove, restart, logs, rollback, announce, stop_server, lint)
namespace.add_collection(Collection("user", list_users, add_user, remove_user, admin_user))
