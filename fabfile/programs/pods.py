"""What pods wait for: `pods.py NAMESPACE SINCE hooks WHEN | canary USER | workload NAME [GONE...]`.

SINCE is when waiting began, in seconds of Unix time; WHEN is what helm is at ("upgrade", "rollback"); GONE are nodes that are
not Ready any more. Prints "wait TEXT" for what may come right by waiting, "end TEXT" for what cannot, both for a person;
"ready" when a canary's server is. It runs on the gateway, with KUBECONFIG set, and ends with 0 also when the API server is
silent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

Thing = dict[str, Any]  # an object of Kubernetes, or a part of one
Found = Iterator[tuple[str, str]]  # verdict and text

# the kubelet's words for a container that no later try starts without a change
NEVER = ("CreateContainerConfigError", "CreateContainerError", "InvalidImageName", "RunContainerError")
NO_START = ("StartError", "ContainerCannotRun")
PULLING = ("ErrImagePull", "ImagePullBackOff")
SKEW = 10  # seconds between two machines' clocks
PULL_LIMIT = NODE_LIMIT = 120  # seconds that an image, or a place on a node, may be waited for
CRASHES = 3


def asked(*words: str) -> list[Thing]:
    """Kubernetes' objects, as kubectl gives them; none when it does not answer."""
    command = ["kubectl", "--request-timeout=10s", *words, "-o", "json"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
        found: list[Thing] = json.loads(said).get("items", [])
        return found
    except (ValueError, OSError, subprocess.TimeoutExpired):
        return []


def name_of(thing: Thing) -> str:
    return str(thing["metadata"]["name"])


def owner_of(pod: Thing) -> str:
    """The uid of who made a pod."""
    return next((owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])), "")


def is_hook(thing: Thing, when: str, since: float) -> bool:
    """Whether helm has made it in this very run, for what it is at: what an earlier one left is not waited for."""
    meta = thing["metadata"]
    made = datetime.fromisoformat(meta["creationTimestamp"].replace("Z", "+00:00")).timestamp()
    at = meta.get("annotations", {}).get("helm.sh/hook", "")
    return (when in at or (when == "upgrade" and "install" in at)) and made >= since - SKEW


def containers_of(pod: Thing) -> Iterator[tuple[str, int, str, Thing, Thing]]:
    """(name, restarts, "waiting" | "running" | "terminated", that state, the state before), the init containers first."""
    status = pod.get("status", {})
    for one in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        kind, state = next(iter((one.get("state") or {}).items()), ("waiting", {}))
        before = (one.get("lastState") or {}).get("terminated") or {}
        yield one["name"], one.get("restartCount", 0), kind, state or {}, before


def shorten(message: str | None) -> str:
    """A message on one line that a person reads to its end."""
    line = " ".join((message or "").split())
    return line if len(line) <= 300 else line[:299] + "…"


def no_node(pod: Thing) -> str:
    """Why the scheduler gives a pod no node; empty when it has one."""
    if pod.get("spec", {}).get("nodeName"):
        return ""
    for one in pod.get("status", {}).get("conditions", []):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return f"{name_of(pod)} finds no node: {shorten(one.get('message'))}"
    scheduler = pod.get("spec", {}).get("schedulerName", "default-scheduler")
    return f"{name_of(pod)} has no node: the scheduler {scheduler} has not looked at it yet" + words_of(scheduler)


def words_of(scheduler: str) -> str:
    """What a chart's own scheduler complains of: what it may not list, it waits for, and tells nobody."""
    if scheduler == "default-scheduler":
        return ""
    for pod in asked("get", "pods", "-A", "-l", "component=user-scheduler"):
        said = subprocess.run(
            ["kubectl", "--request-timeout=5s", "-n", pod["metadata"]["namespace"], "logs", name_of(pod), "--tail=40"],
            capture_output=True, text=True, timeout=15, check=False).stdout
        bad = [line for line in said.splitlines() if "forbidden" in line or line.startswith("E")]
        if bad:
            return f"; it says: {shorten(bad[-1].partition('] ')[2] or bad[-1])}"
    return ""


def is_ready(pod: Thing) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True"
               for one in pod.get("status", {}).get("conditions", []))


def warning_of(pod: Thing) -> str:
    """The last warning that anybody gave about a pod, for a container that is being made and says nothing."""
    events = asked("-n", pod["metadata"]["namespace"], "get", "events", "--field-selector",
                   f"involvedObject.name={name_of(pod)},type!=Normal")
    events.sort(key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or "")
    return f": {shorten(events[-1].get('message'))}" if events else ""


def last_words(pod: Thing, container: str) -> str:
    """What a container said before it ended."""
    for more in (["--previous"], []):
        done = subprocess.run(
            ["kubectl", "--request-timeout=5s", "-n", pod["metadata"]["namespace"], "logs", name_of(pod), "-c",
             container, "--tail=8", *more], capture_output=True, text=True, timeout=15, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return "".join(f" | {line.strip()[:300]}" for line in done.stdout.splitlines() if line.strip())
    return ""


def looked_at(pod: Thing, waited: float) -> Found:
    """Yields ("wait" | "end", text) of one pod that is not ready."""
    name, node = name_of(pod), pod.get("spec", {}).get("nodeName", "")
    if why := no_node(pod):
        yield ("end" if waited >= NODE_LIMIT else "wait"), why
        return
    for container, restarts, kind, state, before in containers_of(pod):
        reason = state.get("reason", "")
        what = f"{name} on {node}, container {container}: {reason}"
        message = f": {shorten(state.get('message'))}" if state.get("message") else ""
        if kind == "waiting" and reason in NEVER:
            yield "end", what + (message or f": {shorten(before.get('message'))}")
        elif kind == "waiting" and reason == "CrashLoopBackOff":
            if restarts >= CRASHES:
                yield "end", what + last_words(pod, container)
            else:
                yield "wait", f"{what}, {restarts} restarts"
        elif kind == "waiting" and reason in PULLING:
            yield ("end" if waited >= PULL_LIMIT else "wait"), what + message
        elif kind == "waiting" and reason == "ContainerCreating":
            yield "wait", what + warning_of(pod)
        elif kind == "terminated" and state.get("exitCode"):
            yield "wait", f"{what}, exit code {state['exitCode']}{message}{last_words(pod, container)}"
    if pod.get("status", {}).get("phase") == "Running" and not is_ready(pod):
        yield "wait", f"{name} on {node} runs and is not ready yet"


def hooks(namespace: str, waited: float, when: str) -> Found:
    """The Jobs and DaemonSets that helm waits for before it touches anything."""
    since = time.time() - waited
    waiting = {one["metadata"]["uid"]: one for one in asked("-n", namespace, "get", "jobs,daemonsets")
               if is_hook(one, when, since)}
    pods = [pod for pod in asked("-n", namespace, "get", "pods") if owner_of(pod) in waiting]
    no_start = [(pod, state) for pod in pods for _, _, _, state, before in containers_of(pod)
                for state in (state, before) if state.get("reason") in NO_START]
    if no_start:
        pod, state = no_start[-1]
        again = f"{len(no_start)} times" if len(no_start) > 1 else "once"
        # a second try, that of the Job, may do what the first could not: a node may have been too busy
        yield ("end" if len(no_start) > 1 else "wait"), \
            f"{name_of(pod)} cannot start ({again}): {state['reason']}: {shorten(state.get('message'))}"
    ended = ("Succeeded", "Failed")
    for pod in pods:
        if not is_ready(pod) and pod.get("status", {}).get("phase") not in ended:
            yield from looked_at(pod, waited)
    for uid, one in waiting.items():
        mine, name = [pod for pod in pods if owner_of(pod) == uid], name_of(one)
        if one["kind"] == "DaemonSet" and (rest := [pod for pod in mine if not is_ready(pod)]):
            nodes = ", ".join(sorted(pod["spec"].get("nodeName", "no node") for pod in rest))
            yield "wait", f"{name}: {len(mine) - len(rest)} of {len(mine)} pods are ready, not on {nodes}"


def canary(namespace: str, waited: float, user: str) -> Found:
    """The server of the user that proves a hub. Its own limit ends it: a place may become free meanwhile."""
    for pod in asked("-n", namespace, "get", "pods", "-l", f"hub.jupyter.org/username={user}"):
        if is_ready(pod):
            yield "ready", ""
        else:
            yield from (("wait", text) for _, text in looked_at(pod, 0))


def workload(namespace: str, waited: float, name: str, *gone: str) -> Found:
    """The pods of a Deployment or StatefulSet."""
    pods = [pod for pod in asked("-n", namespace, "get", "pods") if name_of(pod).startswith(f"{name}-")]
    for node in gone:
        if any(pod.get("spec", {}).get("nodeName", node) == node for pod in pods):
            yield "end", f"{node} is no longer Ready, and {name} waits for it"
    for pod in pods:
        if not is_ready(pod):
            yield from looked_at(pod, waited)


def main(namespace: str, since: str, what: str, *more: str) -> None:
    waited = time.time() - float(since)
    look: Callable[..., Found] = {"hooks": hooks, "canary": canary, "workload": workload}[what]
    for verdict, text in dict.fromkeys(look(namespace, waited, *more)):
        print(verdict, text)


if __name__ == "__main__":
    main(*sys.argv[1:])
