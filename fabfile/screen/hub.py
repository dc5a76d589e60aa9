"""Hubs and their users, and what is published, for a person and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from json import dumps
from typing import Any

from fabfile.facts.homes import Home
from fabfile.facts.hub import HubState
from fabfile.finding import Finding, healthy
from fabfile.screen.file_server import homes_as_text
from fabfile.screen.findings import as_data, as_text
from fabfile.screen.table import table


def state_as_json(state: HubState, found: Sequence[Finding], homes: Sequence[Home] = ()) -> str:
    data = {key: value for key, value in asdict(state).items() if key != "sick"}
    return dumps(data | {"homes": [asdict(home) for home in homes], "healthy": healthy(found), "findings": as_data(found)}, indent=1)


CAME = {
    "repository": "as the repository has them",
    "kept": "the last good copy: the repository could not be had",
    "stock": "JupyterHub's own: the repository could not be had, and there is no copy",
}


def state_as_text(state: HubState, found: Sequence[Finding], homes: Sequence[Home] = (), unknown: str = "") -> str:
    """The release, its pages, its API, its pods, the fullest homes or why these are unknown; and below, whatever is wrong."""
    head = state.cluster or _release(state)
    wrong = ["", as_text(found)] if found else []
    return "\n".join([f"{state.service}: {head}", *_pages(state), *_api(state), *_others(state), *_pods(state),
                      *_homes(homes, unknown), *wrong])


def _release(state: HubState) -> str:
    release = state.release
    if not release:
        return "not released"
    return f"{release['chart']}, revision {release['revision']}, {release['status']} " \
        f"since {release['updated'][:19]}"


def _pages(state: HubState) -> Iterator[str]:
    if state.pages:
        wanted = "" if not state.has_old_pages else f" (wanted: {state.pages['wanted'][:12]})"
        yield f"pages: {state.pages['commit'][:12] or '-'}, {CAME[state.pages['from']]}{wanted}"


def _api(state: HubState) -> Iterator[str]:
    if state.api:
        servers = state.api["servers"]
        names = f" ({', '.join(servers)})" if 0 < len(servers) <= 10 else ""
        yield f"JupyterHub {state.api['version']}: {state.api['users']} users, {len(servers)} servers{names}"


def _others(state: HubState) -> Iterator[str]:
    if state.others:
        yield f"fields set by another field manager: {state.others}; --force-conflicts takes them over, or write them into the values"


def _pods(state: HubState) -> Iterator[str]:
    if state.pods:
        yield "\n" + table(("pod", "node", "state"), state.pods)


def _homes(homes: Sequence[Home], unknown: str) -> Iterator[str]:
    if homes:
        yield f"\nthe {len(homes)} fullest homes:\n{homes_as_text(homes, len(homes))}"
    if unknown:
        yield f"\n{unknown}"


def users_as_text(users: Sequence[Mapping[str, Any]]) -> str:
    """One line a user."""
    rows = [(user["name"], "admin" if user["admin"] else "", "running" if user["server"] else "",
             (user["last_activity"] or "never")[:16]) for user in users]
    return table(("user", "", "server", "last activity"), rows) if rows else "no users"
