"""Announcements in hubs' files, which their next upgrade shows on the hubs' pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.engine.ways import SshWays
    from fabfile.facts.hub import HubState
    from fabfile.rack import Rack
    from fabfile.rack.services import Service

AFTERWARDS = 15 * 60  # seconds after the time that is announced, for which users are still told of it
WAIT = "How long before users are told, on the hub's pages."
SILENT = "Tell no users, and do not wait."
TELL_NOBODY = "Do not tell users on the hubs' pages."
_UPDATED = "The machines are being updated, one after the other: save your work and stop your server. You may start it again at once."
_AT_MOST = 12  # hours that it is shown, should nobody end it


def write_announcement(rack: Rack, service: Service, told: str | None, dry: bool = False) -> bool:
    """Whether that changes the file; None removes what it has. With `dry` the difference is shown, and nothing written."""
    from fabfile.rack.editing import edited
    from fabfile.tasks.local_files import rewrite
    from fabfile.upstream.announcement import changes
    from fabfile.upstream.release import file_of, place_of

    file = rack.folder / file_of(service)
    before, after = rewrite(file, lambda content: edited(content, changes(tuple(map(str, place_of(service))), told)), dry=dry)
    if dry and before != after:
        from fabfile.screen.scan import diff
        print(diff(before, after, file.name), end="")
    return before != after


def announced(rack: Rack, hubs: Iterable[Service], at: int, text: str, dry: bool) -> list[str]:
    """The hubs in whose files it is written now, "{at}" in it as the time of the day; with `dry` it is shown alone."""
    from datetime import datetime, timedelta

    from fabfile.upstream.announcement import announcement

    when = datetime.fromtimestamp(at).astimezone()
    told = announcement(text.format(at=f"{when:%H:%M}"), when + timedelta(seconds=AFTERWARDS))
    return [hub.name for hub in hubs if write_announcement(rack, hub, told, dry)]


def stays(hubs: Iterable[str]) -> str:
    """What becomes of an announcement of these hubs."""
    return "\n".join(f"the announcement disappears by itself, and stays in its file: inv hub.announce --hub {hub} --clear" for hub in hubs)


def states_of_hubs(rack: Rack, ways: SshWays) -> dict[str, HubState]:
    """How each hub is: the release that an announcement is would wait for one whose API does not answer."""
    from fabfile.facts.hub import parse, question
    from fabfile.roles.hub import api_command
    from fabfile.roles.operators import kubeconfig
    from fabfile.tasks.looking import parts_of, together
    from fabfile.tasks.queries import ask

    hubs = [service for service in rack.services.values() if service.is_hub]
    texts = {hub.name: question(hub, kubeconfig(rack), api_command(rack, hub, "info")) for hub in hubs}
    answers, _ = ask(rack, {rack.gateway.name: together(texts, 30)} if texts else {}, 60.0, ways)
    said = parts_of(answers.get(rack.gateway.name, ""))
    return {hub.name: parse(hub.name, said.get(hub.name, "")) for hub in hubs}


def converged_and_told(command: str, steps: Callable[[Rack], list[Step]], rack: Rack, *, tell: bool, dry: bool, yes: bool,
                       json: bool) -> None:
    """Work that ends users' servers node by node. Where there is some, hubs that have servers announce it before, and not any more
    afterwards; what somebody else announces there stays. The work waits for no hub: what fails is said."""
    import sys
    from datetime import datetime, timedelta

    from invoke import Exit

    from fabfile.tasks.converge import converge
    from fabfile.upstream.announcement import announcement

    tell = tell and not dry and any(service.is_hub for service in rack.services.values())
    if tell and (hubs := _with_servers(rack)) and _is_to_do(command, steps, rack):
        _show(rack, hubs, announcement(_UPDATED, datetime.now().astimezone() + timedelta(hours=_AT_MOST)), yes, json)
    try:
        converge(command, steps, dry=dry, yes=yes, json=json, rack=rack)
    except Exit:
        if tell and (names := [hub.name for hub in _that_tell(rack)]):
            print(stays(names), file=sys.stderr)
        raise
    if tell:
        _show(rack, _that_tell(rack), None, yes, json)


def _with_servers(rack: Rack) -> list[Service]:
    """The hubs on which somebody has a server, and whose pages say nothing yet."""
    from fabfile.tasks.leader import connected

    with connected(rack) as ways:
        states = states_of_hubs(rack, ways)
    return [rack.services[name] for name, state in states.items() if state.api.get("servers") and not _told(rack.services[name])]


def _is_to_do(command: str, steps: Callable[[Rack], list[Step]], rack: Rack) -> bool:
    """Whether a dry run finds something to do; what it says is left to the run itself."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from invoke import Exit

    from fabfile.tasks.converge import converge

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            converge(command, steps, dry=True, rack=rack)
        except Exit as ended:
            if ended.code == 130:
                raise
            return ended.code == 3
    return False


def _show(rack: Rack, hubs: Iterable[Service], told: str | None, yes: bool, json: bool) -> None:
    """Has hubs show that, or nothing any more; whoever does not is named."""
    import sys
    from contextlib import redirect_stdout
    from functools import partial

    from invoke import Exit

    from fabfile.loading import load
    from fabfile.tasks.converge import converge

    for hub in hubs:
        write_announcement(rack, hub, told)
        command = f"hub.announce --hub {hub.name} --clear"
        try:
            with redirect_stdout(sys.stderr if json else sys.stdout):  # JSON is one document: that of the work
                converge(command if not told else f"hub.upgrade --hub {hub.name}", partial(_release, hub.name), yes=yes,
                         rack=load(rack.folder))
        except Exit as ended:
            if ended.code == 130:
                raise
            if told:
                write_announcement(rack, hub, None)
            why = f" ({ended})" if str(ended) else ""
            print(f"{hub.name} could not tell its users of this{why}; the work goes on without" if told else
                  f"{hub.name} still tells its users of this{why}: inv {command}", file=sys.stderr)


def _release(name: str, rack: Rack) -> list[Step]:
    from fabfile.tasks.preparing import Preparing
    from fabfile.tasks.service_steps import service_steps

    return service_steps(rack, [name], Preparing(rack, [name], renew=False))


def _that_tell(rack: Rack) -> list[Service]:
    """The hubs in whose files the announcement of such work stands now."""
    from fabfile.loading import load

    return [service for service in load(rack.folder).services.values() if _told(service).startswith(_UPDATED)]


def _told(service: Service) -> str:
    """What its pages announce."""
    from fabfile.upstream.announcement import KEYS
    from fabfile.upstream.release import looked_up

    return str(looked_up(service.values, *KEYS) or "")
