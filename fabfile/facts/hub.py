"""How a hub is: its release, its pods, its pages, and what its API says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fabfile.rack.pages import STATE
from fabfile.rack.services import Service
from fabfile.resources.helm import ReleaseFacts
from fabfile.resources.helm_scripts import other_hands

_PODS = ("{{range .items}}{{.metadata.name}} {{with .spec.nodeName}}{{.}}{{end}} {{.status.phase}} "
         "{{range .status.containerStatuses}}{{if .ready}}ready {{else}}"
         "{{with .state.waiting}}{{.reason}} {{else}}not-ready {{end}}{{end}}{{end}}"
         "{{\"\\n\"}}{{end}}")


@dataclass(frozen=True)
class HubState:
    """`release` is helm's own account (name, revision, status, chart, updated), empty when there is none;
    `pods` are (name, node, state) of those that have not ended; `pages` is where they come from; `api` the
    version, users and servers; `problem` why it is silent."""

    service: str
    release: dict[str, Any]
    pods: tuple[tuple[str, str, str], ...]
    pages: dict[str, str]
    api: dict[str, Any]
    problem: str
    others: str  # who else has set fields of its objects

    @property
    def healthy(self) -> bool:
        """Released, every pod of its own ready, its API answering, its pages those that were wanted."""
        own = [state for name, _, state in self.pods if name.startswith(("hub-", "proxy-", "autohttps-"))]
        return (self.release.get("status") == "deployed" and bool(own) and set(own) == {"ready"}
                and bool(self.api) and self.pages.get("from", "repository") == "repository")


def question(service: Service, kubeconfig: str, api: str) -> str:
    """Shell text for the gateway; `api` is the one that asks the hub."""
    namespace, release = service.in_namespace, service.release_name
    return f"""
KUBECONFIG={kubeconfig}; export KUBECONFIG
printf '\\n== release\\n'; helm list -n {namespace} --filter '^{release}$' -o json 2>&1
printf '\\n== pods\\n'; kubectl --request-timeout=15s -n {namespace} get pods -o 'go-template={_PODS}' 2>&1
printf '\\n== pages\\n'
timeout 15 kubectl -n {namespace} exec deployment/hub -c hub -- cat {STATE} 2>/dev/null
printf '\\n== others\\n'
{other_hands(release, namespace, kubeconfig)}
printf '\\n== api\\n'; {{
{api}
}} 2>&1
"""


def parse(service: str, answer: str) -> HubState:
    """The answer as values."""
    parts = dict(_parts(answer))
    releases = _json(parts.get("release", "")) or []
    api = _json(parts.get("api", "").strip().rpartition("\n")[2])
    pods = []
    for line in parts.get("pods", "").split("\n"):
        name, node, phase, *states = f"{line}  ".split(" ")
        if phase not in ("", "Succeeded", "Failed"):  # an ended one has been replaced; a missing one is Pending
            bad = [state for state in states if state not in ("ready", "")]
            pods.append((name, node, bad[0] if bad else "ready" if phase == "Running" else phase))
    return HubState(service, releases[0] if releases else {}, tuple(pods),
                    _json(parts.get("pages", "")) or {}, api if isinstance(api, dict) else {},
                    "" if isinstance(api, dict) else parts.get("api", "").strip(),
                    ReleaseFacts(parts.get("others", "")).foreign)


def _parts(answer: str) -> Iterator[tuple[str, str]]:
    for part in answer.split("\n== ")[1:]:
        name, _, text = part.partition("\n")
        yield name, text.strip("\n")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
