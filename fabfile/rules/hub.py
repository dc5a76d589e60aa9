"""Hubs: release, pods, pages, API."""

from __future__ import annotations

from fabfile.facts.hub import OWN, SickNode
from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity, since
from fabfile.rules.rule import Found, rule

_PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


@rule(everywhere=("hub_api_silent", "hub_canary_failed"))
def hub_cluster_silent(look: Look) -> Found:
    """A hub's cluster does not answer rooster."""
    for state in look.hubs.values():
        if state.cluster:
            yield Finding("the API server does not answer", "cluster", Severity.DOWN, state.cluster, fix="inv doctor")
            return


@rule(everywhere=("hub_pod_missing", "hub_api_silent", "hub_canary_failed"))
def hub_not_released(look: Look) -> Found:
    """A hub of the rack's files is not released."""
    for name, state in look.hubs.items():
        if not state.release and not state.cluster:
            yield Finding(f"{name} is not released", name, Severity.DOWN, fix=_command(name, "upgrade"))


@rule()
def hub_release_failed(look: Look) -> Found:
    """A hub's last upgrade failed, or did not end."""
    for name, state in look.hubs.items():
        status = state.release.get("status", "deployed")
        if status != "deployed" and not state.cluster:
            what = "was cut short" if status in _PENDING else f"is {status}"
            yield Finding(f"revision {state.release.get('revision')} of {name} {what}", name, Severity.DOWN, status,
                          fix=f"{_command(name, 'upgrade')}, or {_command(name, 'rollback')} --dry")


@rule(here=("pod_not_ready",), everywhere=("hub_api_silent", "hub_canary_failed", "hub_pod_not_ready", "published_silent"))
def hub_node_silent(look: Look) -> Found:
    """A node on which something of a hub runs is not Ready, or says nothing."""
    seen = set()
    for state in look.hubs.values():
        for node in state.sick:
            if node.name not in seen:
                yield sick_node(node)
            seen.add(node.name)


def sick_node(node: SickNode) -> Finding:
    """The problem, what runs on the node, and the command that helps."""
    what = f"{node.name} is silent" if node.silent else f"{node.name} is not Ready ({node.why})"
    on_it = [f"on it: {', '.join(node.pods)}"] if node.pods else []
    on_it += ["the hub's database is on its disk"] if node.home else []
    return Finding(what, node.name, Severity.DOWN if node.blocks else Severity.DEGRADED, "; ".join(on_it), node.since, _fix(node))


def _fix(node: SickNode) -> str:
    if not node.silent:
        return f"inv node.status {node.name}"
    rest = "all but the hub, which starts only where its database is" if node.home else "all of it"
    return (f"switch {node.name} on again; if it is really off, and for long, this moves {rest}: inv node.evict {node.name} "
            f"--dead (until it is back), or inv node.remove {node.name} --dead (takes it out of the cluster)")


@rule(everywhere=("hub_api_silent", "hub_canary_failed", "published_silent"))
def hub_pod_missing(look: Look) -> Found:
    """A hub has no pod, or one of those is missing that every hub has."""
    for name, state in look.hubs.items():
        missing = [one for one in ("hub", "proxy") if not any(pod.startswith(f"{one}-") for pod, _, _ in state.pods)]
        if state.cluster or not missing:
            continue
        if not any(pod.startswith(OWN) for pod, _, _ in state.pods):
            yield Finding(f"there is no pod of {name}", name, Severity.DOWN, fix=_command(name, "upgrade"))
            continue
        scale = f"kubectl -n {look.rack.services[name].in_namespace} scale deployment {' '.join(missing)} --replicas=1"
        yield Finding(f"{name} has no pod {missing[0]}-…", name, Severity.DOWN,
                      fix=f"{scale}; if there is none: {_command(name, 'upgrade')}")


@rule(here=("pod_not_ready",), everywhere=("hub_api_silent", "hub_canary_failed", "published_silent", "service_without_endpoints"))
def hub_pod_not_ready(look: Look) -> Found:
    """A pod without which nobody comes in is not ready."""
    for name, state in look.hubs.items():
        sick = {node.name for node in state.sick}
        for pod, node, how in state.pods:
            if pod.startswith(OWN) and how != "ready" and node not in sick:
                yield Finding(f"{pod} is {how}", node or pod, Severity.DOWN, fix=_command(name, "logs"))


@rule(here=("hub_canary_failed",))
def hub_api_silent(look: Look) -> Found:
    """A hub's API does not answer."""
    for name, state in look.hubs.items():
        if not state.api:
            yield Finding(f"the API of {name} does not answer", name, Severity.DOWN, state.problem or "no answer",
                          fix=_command(name, "restart"))


@rule()
def hub_canary_failed(look: Look) -> Found:
    """The canary could not run a cell when hub.prove tried it last, within the last day."""
    for name, state in look.hubs.items():
        if state.unproved and look.now - state.unproved[0] < 86400:
            yield Finding(f"{name} starts no server for the canary", name, Severity.DOWN, state.unproved[1], since(state.unproved[0]),
                          f"{_command(name, 'logs')}; {_command(name, 'prove')} tries it again")


@rule()
def hub_pages_old(look: Look) -> Found:
    """A hub shows other pages than those of the commit that it should have."""
    for name, state in look.hubs.items():
        if state.has_old_pages:
            yield Finding(f"the pages of {name} are not those of {state.pages['wanted'][:12]}", name,
                          evidence="the repository could not be had when the hub started", fix=_command(name, "restart"))


def _command(hub: str, task: str) -> str:
    return f"inv hub.{task}" + ("" if hub == "hub" else f" --hub {hub}")
