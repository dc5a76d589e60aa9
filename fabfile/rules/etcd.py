"""etcd: the cluster's memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fabfile.facts.look import Look
from fabfile.facts.machine import MachineState, as_json
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import RESTORE, Found, on_shell, rule, told
from fabfile.upstream.documents import certificates_folder, etcd_folder

_QUOTA = 2 * 1024 ** 3  # bytes: etcd's own default, where it does not tell its quota
_FOLLOWS = ("api_server_down", "component_down", "node_not_ready", "kubelet_silent")


@rule(here=_FOLLOWS, everywhere=("api_down",))
def etcd_down(look: Look) -> Found:
    """The etcd of a control plane is not running."""
    for name, state in look.control_planes.items():
        if etcd_folder(look.rack) and state.containers is not None and not _runs(state):
            etcd = state.containers.get("etcd")
            gone = "etcd.yaml" not in state.lines("manifest")
            fix = f"fab -H {name} -- sudo kubeadm init phase etcd local" if gone else \
                on_shell(name, "crictl logs --tail 20 $(crictl ps -aq --name etcd | head -n 1)")
            yield Finding(f"etcd does not run on {name}", name, Severity.DOWN if len(look.rack.control_planes) == 1 else Severity.DEGRADED,
                          "its manifest is gone" if gone else told(state.text("etcd-said")), etcd.since if etcd else "", fix)


@rule(here=_FOLLOWS, everywhere=("api_down", "etcd_member_down"))
def etcd_without_leader(look: Look) -> Found:
    """etcd runs and has no leader: most of its members are gone, and nothing can be written."""
    for name, state in look.control_planes.items():
        for one in _status(state):
            if not one.get("leader"):
                yield Finding(f"etcd on {name} has no leader: more than half of its members are gone", name, Severity.DOWN,
                              state.text("etcd-health")[:200],
                              fix=f"switch the other control planes on; if they are lost for good, {RESTORE}")


@rule(everywhere=("api_server_down", "api_down"))
def etcd_alarm(look: Look) -> Found:
    """etcd has raised an alarm: it is out of space and refuses writes, or its data are damaged."""
    for name, state in look.control_planes.items():
        if alarm := state.text("etcd-alarms"):
            space = "NOSPACE" in alarm
            yield Finding(f"etcd on {name} refuses writes: it is out of space" if space else f"etcd on {name} reports damaged data", name,
                          Severity.DOWN, alarm, fix=_compact(look, name) if space else RESTORE)
            return


@rule()
def etcd_nearly_full(look: Look) -> Found:
    """etcd's database has reached 75 percent of the size at which it refuses writes."""
    for name, state in look.control_planes.items():
        for one in _status(state):
            size, quota = int(one.get("dbSize", 0)), int(one.get("dbSizeQuota") or _QUOTA)
            if size >= 0.75 * quota and not state.text("etcd-alarms"):
                yield Finding(f"etcd's database on {name} has {size // 2**20} MiB of {quota // 2**20}", name, Severity.DEGRADED,
                              fix=_compact(look, name))


@rule()
def etcd_stale_member(look: Look) -> Found:
    """etcd has a member on no control plane of hosts.yaml: it counts for the majority and never answers."""
    names = {one.name for one in look.rack.control_planes}
    for name, state in look.control_planes.items():
        for member in _members(state):
            label = member.get("name", "")
            if label and label not in names:
                yield Finding(f"etcd has a member {label}, which hosts.yaml does not have", label, Severity.DEGRADED,
                              fix=f"inv node.remove {label} --dead, with its lines in hosts.yaml put back meanwhile; or " + _etcdctl(
                                  look, name, f"member remove {int(member['ID']):x}"))
        if _members(state):
            return


@rule()
def etcd_member_missing(look: Look) -> Found:
    """A control plane runs without being a member of the others' etcd."""
    for state in look.control_planes.values():
        known = {member.get("name", "") for member in _members(state)}
        if known:
            for name in look.control_planes:
                if name not in known:
                    yield Finding(f"{name} is no member of the others' etcd", name, Severity.DEGRADED,
                                  fix=f"inv node.remove {name}, then inv node.add {name}")
            return


@rule()
def etcd_member_down(look: Look) -> Found:
    """An etcd member does not answer the others: one failure more may stop the cluster."""
    for state in look.control_planes.values():
        sick = [one for one in _listed(state.text("etcd-health")) if one.get("health") is False]
        members = {url: member.get("name", "") for member in _members(state) for url in member.get("clientURLs") or ()}
        for one in sick:
            name = members.get(one.get("endpoint", ""), state.name)
            yield Finding(f"etcd on {name} does not answer", name, Severity.DEGRADED, one.get("error", ""),
                          fix=f"inv node.status {name}; was it installed again: inv node.add {name}; is it off for good: "
                              f"inv node.remove {name} --dead")
        if sick:
            return


def _runs(state: MachineState) -> bool:
    return bool(state.containers and "etcd" in state.containers and state.containers["etcd"].running)


def _status(state: MachineState) -> Iterator[Mapping[str, Any]]:
    for one in _listed(state.text("etcd-status")):
        if isinstance(one.get("Status"), Mapping):
            yield one["Status"]


def _members(state: MachineState) -> list[Mapping[str, Any]]:
    told = as_json(state.text("etcd-members"))
    return list(told.get("members") or ()) if isinstance(told, Mapping) else []


def _listed(text: str) -> list[Mapping[str, Any]]:
    told = as_json(text)
    return told if isinstance(told, list) else []


def _etcdctl(look: Look, name: str, words: str) -> str:
    pki = f"{certificates_folder(look.rack)}/etcd"
    return (f"kubectl -n kube-system exec etcd-{name} -- etcdctl --cacert {pki}/ca.crt --cert {pki}/server.crt "
            f"--key {pki}/server.key {words}")


def _compact(look: Look, name: str) -> str:
    return f"{_etcdctl(look, name, 'compact REVISION')} (of `endpoint status`), then the same with `defrag`, then `alarm disarm`"
