"""Hubs and their users, and what is published, for a person and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from json import dumps
from typing import Any

from fabfile.facts.hub import HubState


def table(rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in texts)


def state_as_json(state: HubState) -> str:
    return dumps(asdict(state) | {"healthy": state.healthy}, indent=1)


def state_as_text(state: HubState) -> str:
    """The release, its pages, its API, its pods."""
    release = state.release
    lines = [f"{state.service}: " + (f"{release['chart']}, revision {release['revision']}, {release['status']} since {release['updated'][:19]}"
                                     if release else "not released")]
    if state.pages:
        came = {"repository": "as the repository has them", "kept": "the last good copy: the repository could not be had",
                "stock": "JupyterHub's own: the repository could not be had, and there is no copy"}[state.pages["from"]]
        lines.append(f"pages: {state.pages['commit'][:12] or '-'}, {came}"
                     + (f" (wanted: {state.pages['wanted'][:12]})" if state.pages["from"] != "repository" else ""))
    if state.api:
        servers = state.api["servers"]
        lines.append(f"JupyterHub {state.api['version']}: {state.api['users']} users, {len(servers)} servers"
                     + (f" ({', '.join(servers)})" if 0 < len(servers) <= 10 else ""))
    else:
        lines.append(f"its API is silent: {state.problem or 'no answer'}")
    if state.others:
        lines.append(f"another hand: {state.others}; `inv hub.upgrade --take-back` takes that back, or write it into the values")
    if state.pods:
        lines += ["", table([("pod", "node", "state"), *state.pods])]
    return "\n".join(lines)


def users_as_text(users: Sequence[Mapping[str, Any]]) -> str:
    """One line a user."""
    rows = [(user["name"], "admin" if user["admin"] else "", "running" if user["server"] else "", (user["last_activity"] or "never")[:16])
            for user in users]
    return table([("user", "", "server", "last activity"), *rows]) if rows else "no users"

