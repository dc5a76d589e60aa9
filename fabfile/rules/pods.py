"""Pods, and what keeps them running."""

from __future__ import annotations

from datetime import datetime

from fabfile.facts.cluster import AWAITER, PodState
from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, rule

_NEW = 180  # seconds that a pod may take to start, or to end, before it is a problem
_ALWAYS = ("kube-apiserver-", "kube-controller-manager-", "kube-scheduler-", "etcd-", "calico-node-", "kube-proxy-")


def _age(look: Look, moment: str) -> float:
    try:
        return look.now - datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return float("inf")


@rule()
def pods_on_a_lost_node(look: Look) -> Found:
    """Pods are on a node that is not Ready."""
    away: dict[str, list[str]] = {}
    for pod in look.api.pods if look.api else ():
        if pod.node in look.lost and pod.node not in look.off:
            away.setdefault(pod.node, []).append(f"{pod.namespace}/{pod.name}")
    for node, pods in away.items():
        yield Finding(f"{len(pods)} pods are on {node}, which is not Ready", node, evidence=", ".join(pods),
                      fix=f"inv node.status {node}")


@rule()
def pod_stuck_ending(look: Look) -> Found:
    """A pod is being deleted and does not end."""
    for pod in look.api.pods if look.api else ():
        if pod.ending and _age(look, pod.ending) > _NEW and pod.node not in look.off:
            yield Finding(f"pod {pod.namespace}/{pod.name} does not end", pod.node or "-", Severity.DEGRADED, since=pod.ending,
                          fix=f"is {pod.node} off: inv node.evict {pod.node} --dead; else inv node.status {pod.node}"
                          if pod.node in look.lost else f"kubectl -n {pod.namespace} delete pod {pod.name} --force")


def is_new(look: Look, pod: PodState) -> bool:
    """Whether it has only begun to start: no problem yet."""
    return not pod.restarts and pod.state in ("not ready", "Pending", "ContainerCreating", "PodInitializing") and \
        _age(look, pod.since) < _NEW and bool(look.machines)


def _plain(look: Look) -> list[PodState]:
    """Those that no rule of their own is about."""
    return [pod for pod in (look.api.pods if look.api else ())
            if pod.node not in look.lost and not pod.ending and not is_new(look, pod)]


@rule()
def image_not_pulled(look: Look) -> Found:
    """A pod waits for an image that cannot be pulled."""
    for pod in _plain(look):
        if pod.state in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"):
            yield Finding(f"pod {pod.namespace}/{pod.name} waits for an image that cannot be pulled", pod.node or "-", Severity.DEGRADED,
                          pod.state, pod.since, f"kubectl -n {pod.namespace} describe pod {pod.name} names the image, and why; then "
                          f"kubectl -n {pod.namespace} delete pod {pod.name}")


@rule()
def pod_fits_nowhere(look: Look) -> Found:
    """A pod waits because no node takes it."""
    for pod in _plain(look):
        if pod.state == "Unschedulable":
            yield Finding(f"no node takes pod {pod.namespace}/{pod.name}", pod.node or "-", Severity.DEGRADED, since=pod.since,
                          fix=f"kubectl -n {pod.namespace} describe pod {pod.name} says why: kubectl uncordon NODE, or lower its requests")


@rule(everywhere=("hub_release_failed",))
def image_puller_stuck(look: Look) -> Found:
    """A hub's upgrade waits for its image puller, which a sick node keeps from ending."""
    for pod in look.api.pods if look.api else ():
        if pod.name.startswith(AWAITER) and _age(look, pod.since) > 300 and not pod.ending:
            yield Finding(f"an upgrade in {pod.namespace} waits for images on every node", f"{pod.namespace}/{pod.name}",
                          Severity.DEGRADED, since=pod.since, fix="inv hub.status; then inv hub.upgrade --leave-out NODE")


@rule()
def pod_not_ready(look: Look) -> Found:
    """A pod is not ready: it crashes, waits, or fails its check."""
    others = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "Unschedulable")
    for pod in _plain(look):
        if pod.state not in others and not pod.name.startswith(("calico-node-", "kube-proxy-", AWAITER)):
            crashed = f", {pod.restarts} restarts" if pod.restarts else ""
            yield Finding(f"pod {pod.namespace}/{pod.name} is not ready", pod.node or "-", evidence=f"{pod.state}{crashed}",
                          since=pod.since, fix=f"kubectl -n {pod.namespace} describe pod {pod.name}")


@rule()
def workload_short(look: Look) -> Found:
    """A part of the system runs no pod at all, or none was asked for."""
    for kind in ("Deployment", "DaemonSet"):
        for where, words in (look.api.of_kind(kind) if look.api else {}).items():
            namespace, _, name = where.partition("/")
            if namespace not in ("kube-system", "metallb-system", "local-path-storage", "calico-system", "tigera-operator"):
                continue
            wanted, ready = (int(words[0]), int(words[1])) if len(words) > 1 and words[0].isdigit() and words[1].isdigit() else (1, 1)
            if ready == 0 and name != "coredns" and (wanted or kind == "Deployment"):
                yield Finding(f"{namespace}/{name} runs no pod", where, Severity.DEGRADED, "it is scaled to 0" if not wanted else "",
                              fix=f"kubectl -n {namespace} scale deployment {name} --replicas=1" if not wanted else
                              f"kubectl -n {namespace} describe {kind.lower()} {name}")
