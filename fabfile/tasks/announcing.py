"""Announcements in hubs' files, which their next upgrade shows on the hubs' pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.ways import SshWays
    from fabfile.facts.upgrade_rules import Situation
    from fabfile.rack import Rack
    from fabfile.rack.services import Service

AFTERWARDS = 15 * 60  # seconds after the time that is announced, for which users are still told of it
WAIT = "How long before users are told, on the hub's pages."
SILENT = "Tell no users, and do not wait."


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


def reminder(rack: Rack, now: Situation) -> list[str]:
    """That users' servers end with nodes that are drained, where hubs do not announce it. A task that goes on after a kill does not
    do that itself: a hub restarts with an announcement, and nodes would wait for a hub that does not."""
    from fabfile.upstream.announcement import KEYS
    from fabfile.upstream.release import looked_up

    nodes = {node.name for node in now.to_do}
    untold = [hub.name for hub in rack.services.values() if hub.is_hub and not looked_up(hub.values, *KEYS)]
    if not (now.ends_servers and any(pod.user and not pod.owner and pod.node in nodes for pod in now.cluster.pods)):
        return []
    return [f"users' servers end, and the pages of {hub} do not say so: inv hub.announce \"…\" --hub {hub} tells them before"
            for hub in untold]


def stays(hubs: Iterable[str]) -> str:
    """What becomes of an announcement of these hubs."""
    return "\n".join(f"the announcement disappears by itself, and stays in its file: inv hub.announce --hub {hub} --clear" for hub in hubs)


def hubs_that_answer(rack: Rack, ways: SshWays) -> dict[str, bool]:
    """Each hub, and whether its API answers: the release that an announcement is would wait for one that does not."""
    from fabfile.facts.hub import parse, question
    from fabfile.roles.hub import api_command
    from fabfile.roles.operators import kubeconfig
    from fabfile.tasks.looking import parts_of, together
    from fabfile.tasks.queries import ask

    hubs = [service for service in rack.services.values() if service.is_hub]
    texts = {hub.name: question(hub, kubeconfig(rack), api_command(rack, hub, "info")) for hub in hubs}
    answers, _ = ask(rack, {rack.gateway.name: together(texts, 30)} if texts else {}, 60.0, ways)
    said = parts_of(answers.get(rack.gateway.name, ""))
    return {hub.name: bool(parse(hub.name, said.get(hub.name, "")).api) for hub in hubs}
