"""The control plane: API server, controller manager, scheduler."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import RESTORE, Found, apply, on, on_shell, rule, told

MANIFESTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_NO_API = ("kubectl_refused", "hub_cluster_silent", "hub_api_silent", "hub_canary_failed", "api_unreachable")


@rule(here=("component_down",), everywhere=("api_down",))
def api_server_down(look: Look) -> Found:
    """The API server of a control plane does not answer that it is ready."""
    for name, state in look.control_planes.items():
        if state.text("apiserver") not in ("", "200"):
            yield Finding(f"the API server of {name} is not ready", name,
                          Severity.DOWN if len(look.rack.control_planes) == 1 else Severity.DEGRADED, told(state.text("apiserver-said")),
                          fix=apply(name) if "kube-apiserver.yaml" not in state.lines("manifest") else on_shell(
                              name, "crictl logs --tail 20 $(crictl ps -aq --name kube-apiserver | head -n 1)"))


def no_answer(said: str) -> bool:
    """Whether kubectl says that it got no answer; one that it does not trust is an answer."""
    return said.startswith(("The connection to the server", "Unable to connect to the server")) and "tls: " not in said


@rule(everywhere=_NO_API)
def api_down(look: Look) -> Found:
    """No API server answers: pods run on, nothing is started, moved or healed."""
    of_rooster = look.rooster.text("kubectl") if look.rooster else ""
    if (not look.cluster.api if look.cluster else no_answer(of_rooster)):
        yield Finding("the API server does not answer", "cluster", Severity.DOWN, "" if look.cluster else of_rooster,
                      fix="inv node.status MACHINE of each control plane says how it is")


@rule(everywhere=("workload_short",))
def component_down(look: Look) -> Found:
    """A static pod of a control plane does not run."""
    for name, state in look.control_planes.items():
        for part in MANIFESTS[2:]:
            container = (state.containers or {}).get(part)
            if state.containers and not (container and container.running):
                gone = f"{part}.yaml" not in state.lines("manifest")
                yield Finding(f"{part} does not run on {name}", name, Severity.DEGRADED, "its manifest is gone" if gone else "",
                              container.since if container else "",
                              f"fab -H {name} -- sudo kubeadm init phase control-plane {part.removeprefix('kube-')}" if gone else
                              on_shell(name, f"crictl logs --tail 20 $(crictl ps -aq --name {part} | head -n 1)"))


@rule()
def stray_manifest(look: Look) -> Found:
    """A file in /etc/kubernetes/manifests that is none of kubeadm's: kubelet runs it, and an upgrade stops at it."""
    for name, state in look.members.items():
        own = {f"{part}.yaml" for part in MANIFESTS} if name in {one.name for one in look.rack.control_planes} else set()
        if stray := [file for file in state.lines("manifest") if file not in own]:
            yield Finding(f"/etc/kubernetes/manifests of {name} has files that are not kubeadm's", name, Severity.NOTICE,
                          ", ".join(stray), fix=on(name, f"mv -t /root {' '.join(f'/etc/kubernetes/manifests/{one}' for one in stray)}"))


@rule(everywhere=("node_missing", "dns_service_missing", "class_default_unclear", "class_missing"))
def cluster_empty(look: Look) -> Found:
    """The API server answers, and knows none of the members: etcd's data are not those of this cluster any more."""
    if look.api is None or look.api.nodes:
        return
    if members := [name for name, state in look.members.items() if state.member]:
        yield Finding("the cluster has lost its objects: it knows no node", "cluster", Severity.DOWN,
                      f"{', '.join(members)} have joined it", fix=RESTORE)


@rule()
def api_unreachable(look: Look) -> Found:
    """A member does not reach an API server that others reach."""
    if look.api is None:
        return
    for name, state in look.members.items():
        if state.member and state.text("api") not in ("", "200"):
            yield Finding(f"{name} does not reach the API server at {look.rack.cluster.endpoint_address}", name, Severity.DEGRADED,
                          f"answer {state.text('api')}", fix=apply(name))


@rule(everywhere=("endpoint_held_by_nobody",))
def endpoint_not_running(look: Look) -> Found:
    """keepalived does not run on a control plane: the API's own address cannot go there."""
    for name, state in look.control_planes.items():
        unit = state.units.get("coop-endpoint")
        if look.rack.cluster.keepalived and unit and not unit.runs:
            yield Finding(f"{name} cannot take over {look.rack.cluster.keepalived.virtual_ipaddress}: coop-endpoint does not run", name,
                          Severity.DEGRADED, unit.active, unit.since, apply(name))


def _holders(look: Look) -> list[str] | None:
    """Who answers rooster for the API's own address, the machines of the rack by name; None where that is not known or not expected:
    keepalived gives it to nobody while no API server is well."""
    if (look.rooster is None or not _virtual(look) or "endpoint" not in look.rooster.said
            or not any(state.text("apiserver") == "200" for state in look.control_planes.values())):
        return None
    names = {one.inner.mac: one.name for one in look.rack.machines.values()}
    return [names.get(mac, mac) for mac in look.rooster.words("endpoint")]


@rule(everywhere=("api_unreachable",))
def endpoint_held_by_nobody(look: Look) -> Found:
    """No control plane has the API's own address, and an API server is well: clients try the control planes one by one."""
    if _holders(look) == []:
        yield Finding(f"nobody has the API's address {_virtual(look)}", "cluster", Severity.DEGRADED, fix=_why_there(look))


@rule(everywhere=("api_unreachable",))
def endpoint_held_by_several(look: Look) -> Found:
    """More than one machine has the API's own address, or one that is no control plane: what a client reaches is chance."""
    holders = _holders(look) or []
    if len(holders) > 1 or set(holders) - {one.name for one in look.rack.control_planes}:
        yield Finding(f"the API's address {_virtual(look)} is for one control plane, and {' and '.join(holders)} "
                      f"answer{'s' * (len(holders) == 1)} for it", "cluster", Severity.DEGRADED, fix=_why_there(look))


def _virtual(look: Look) -> str:
    return str(look.rack.cluster.keepalived.virtual_ipaddress) if look.rack.cluster.keepalived else ""


def _why_there(look: Look) -> str:
    return on(",".join(look.control_planes), "journalctl -n 30 -u coop-endpoint")


@rule()
def join_unfinished(look: Look) -> Found:
    """kubeadm was begun on a machine and did not finish."""
    for name, state in look.members.items():
        if state.yes("half-joined"):
            yield Finding(f"{name} has not finished joining the cluster", name, Severity.DEGRADED, fix=apply(name))


@rule()
def api_service_unavailable(look: Look) -> Found:
    """An extension of the API does not answer: what waits for it, such as the end of a namespace, waits for ever."""
    if look.api:
        for name, words in look.api.of_kind("APIService").items():
            if words[:1] and words[0] != "True":
                yield Finding(f"the API {name} does not answer", name, Severity.DEGRADED, words[1] if len(words) > 1 else "",
                              words[2] if len(words) > 2 else "",
                              f"kubectl describe apiservice {name}; if nothing serves it any more: kubectl delete apiservice {name}")


@rule(everywhere=("pod_not_ready",))
def webhook_without_pods(look: Look) -> Found:
    """A webhook that must agree to changes has no pod behind it: these changes are refused."""
    if look.api:
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
            for name, services in look.api.of_kind(kind).items():
                silent = sorted({one for one in services if "/" in one and not look.api.ready_endpoints(one)})
                if silent:
                    yield Finding(f"the webhook {name} has no pod that answers: changes are refused", name, Severity.DEGRADED,
                                  f"its service is {', '.join(silent)}", fix=f"kubectl -n {silent[0].partition('/')[0]} get pods")


@rule()
def namespace_stuck(look: Look) -> Found:
    """A namespace is being deleted, and something in it stays."""
    if look.api:
        for name, words in look.api.of_kind("Namespace").items():
            if words[:1] == ("Terminating",):
                yield Finding(f"the namespace {name} does not end", name, Severity.NOTICE, since=words[1] if len(words) > 1 else "",
                              fix=f"kubectl get namespace {name} -o jsonpath='{{.status.conditions}}' says what is left")
