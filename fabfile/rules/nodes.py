"""Nodes: what kubelet and the runtime need, and how the API server sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fabfile.engine.causes import cause
from fabfile.facts.cluster import renewed
from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity, since
from fabfile.rules.packages import is_older
from fabfile.rules.rule import Found, apply, on, rule
from fabfile.upstream.paths import CRI_SOCKET

_SILENT = timedelta(seconds=45)  # kubelet renews its lease every 10 s; Kubernetes calls it NotReady after 50
_NO_KUBELET = ("node_not_ready", "kubelet_silent", "pods_on_a_lost_node", "pod_not_ready", "etcd_down", "api_server_down",
               "component_down", "api_unreachable", "hub_node_silent", "workload_short", "pod_stuck_ending", "bgp_sessions_missing",
               "calico_missing", "kube_proxy_missing")
_ANYWHERE = ("api_down",)  # where it is the only control plane


@rule(here=("kubelet_not_running", *_NO_KUBELET), everywhere=_ANYWHERE)
def swap_on(look: Look) -> Found:
    """Swap is on: kubelet does not start beside it."""
    for name, state in look.members.items():
        if swap := state.text("swap"):
            down = not state.units["kubelet"].runs if "kubelet" in state.units else False
            yield Finding(f"swap is on at {name}", name, Severity.DEGRADED if down or state.member else Severity.NOTICE, swap,
                          fix=apply(name))


@rule()
def swap_returns(look: Look) -> Found:
    """Swap is off, and /etc/fstab switches it on at the next boot."""
    for name, state in look.members.items():
        if (later := state.lines("swap-later")) and not state.text("swap"):
            yield Finding(f"swap comes back at the next boot of {name}", name, Severity.DEGRADED, "; ".join(later), fix=apply(name))


@rule(here=_NO_KUBELET, everywhere=_ANYWHERE)
def kubelet_wrong_runtime(look: Look) -> Found:
    """kubelet is told to use another runtime than containerd."""
    for name, state in look.members.items():
        if wrong := [one for one in state.lines("runtime-endpoint") if one.replace("/var/run/", "/run/") != CRI_SOCKET]:
            yield Finding(f"kubelet on {name} asks {wrong[0]}, not containerd", name, Severity.DEGRADED, fix=f"{apply(name)} --yes")


@rule(here=("runtime_silent", "kubelet_not_running", *_NO_KUBELET), everywhere=_ANYWHERE)
def runtime_disabled(look: Look) -> Found:
    """containerd's configuration switches off the part that kubelet talks to, as Docker's package does."""
    for name, state in look.members.items():
        if state.yes("cri-disabled"):
            yield Finding(f"containerd on {name} has its CRI plugin disabled", name, Severity.DEGRADED, "disabled_plugins in config.toml",
                          fix=f"{apply(name)} --yes")


@rule(here=("runtime_silent", "kubelet_not_running", *_NO_KUBELET), everywhere=_ANYWHERE)
def containerd_not_running(look: Look) -> Found:
    """containerd is not running: pods go on, none can start."""
    for name, state in look.members.items():
        unit = state.units.get("containerd")
        if unit and unit.loaded and not unit.runs:
            yield Finding(f"containerd does not run on {name}", name, Severity.DEGRADED, unit.active, unit.since, apply(name))


@rule(here=_NO_KUBELET, everywhere=_ANYWHERE)
def runtime_silent(look: Look) -> Found:
    """containerd runs, and does not answer kubelet."""
    for name, state in look.members.items():
        if state.no("runtime") and "containerd" in state.units and state.units["containerd"].runs:
            yield Finding(f"containerd on {name} does not answer", name, Severity.DEGRADED,
                          fix=on(name, "systemctl restart containerd"))


@rule(here=_NO_KUBELET, everywhere=_ANYWHERE)
def kubelet_not_running(look: Look) -> Found:
    """kubelet is not running on a member of the cluster, or starts again and again."""
    for name, state in look.members.items():
        unit = state.units.get("kubelet")
        if unit and state.member and (not unit.runs or unit.active == "activating"):
            shown = f"it has started {unit.restarts} times" if unit.active == "activating" else unit.active
            said = state.text("kubelet-error") if unit.active != "inactive" else ""
            known = cause(f"kubelet\t{said}")
            yield Finding(f"kubelet does not run on {name}", name, Severity.DEGRADED, "; ".join(filter(None, (
                shown, known.says if known else said))), unit.since, f"{known.fix}; then {apply(name)}" if known else apply(name))


@rule()
def kubelet_not_enabled(look: Look) -> Found:
    """kubelet runs and is not enabled: it will not start at the next boot."""
    for name, state in look.members.items():
        unit = state.units.get("kubelet")
        if unit and state.member and unit.enabled in ("disabled", "masked"):
            yield Finding(f"kubelet on {name} is {unit.enabled}: it does not start at the next boot", name, Severity.DEGRADED,
                          fix=apply(name))


@rule(here=_NO_KUBELET)
def old_cgroups(look: Look) -> Found:
    """The machine has control groups of version 1: kubelet does not start with them any more."""
    for name, state in look.members.items():
        if state.text("cgroups") not in ("", "cgroup2fs") and look.rack.cluster.KubeletConfiguration.get("failCgroupV1") is not False:
            yield Finding(f"{name} has control groups of version 1", name, Severity.DEGRADED, state.text("cgroups"),
                          fix=f"remove systemd.unified_cgroup_hierarchy=0 from its kernel's command line, then inv node.reboot {name}")


@rule(here=("pod_not_ready", "bgp_sessions_missing"))
def kernel_module_missing(look: Look) -> Found:
    """A kernel module that pods' traffic needs is not loaded."""
    for name, state in look.members.items():
        if missing := state.lines("no-module"):
            yield Finding(f"{name} lacks the kernel module {', '.join(missing)}", name, Severity.DEGRADED, fix=apply(name))


@rule(here=("pod_not_ready", "node_not_ready"))
def sysctl_differs(look: Look) -> Found:
    """A kernel setting that pods' traffic needs is off."""
    for name, state in look.members.items():
        wrong = [line.split()[0] for line in state.lines("sysctl") if line.split()[1:] == ["0"]]
        if wrong:
            yield Finding(f"off on {name}: {', '.join(wrong)}", name, Severity.DEGRADED, fix=apply(name))


# -- as the API server sees them -------------------------------------------------------------------------------------------


@rule()
def node_off_as_expected(look: Look) -> Found:
    """hosts.yaml expects a machine to be off: no problem, but told; also if it is on after all."""
    known = {node.name: node for node in look.api.nodes} if look.api else {}
    for name in sorted(look.off & {machine.name for machine in look.rack.chicks}) if look.api else ():
        if name not in known:
            yield Finding(f"{name} is not in the cluster: it is off, as hosts.yaml expects", name, Severity.NOTICE)
        else:
            told = "is Ready, though hosts.yaml expects it to be off" if known[name].ready else "is off, as hosts.yaml expects"
            yield Finding(f"{name} {told}", name, Severity.NOTICE, since=known[name].since)


@rule(here=("pods_on_a_lost_node", "bgp_sessions_missing", "hub_node_silent", "pod_not_ready", "pod_stuck_ending"),
      everywhere=("workload_short", "pod_fits_nowhere"))
def node_not_ready(look: Look) -> Found:
    """A node is not Ready by Kubernetes' own word."""
    for node in look.api.nodes if look.api else ():
        if not node.ready and node.name not in look.off:
            gone = f"; when it is off for good: inv node.remove {node.name} --dead" if node.name not in look.machines else ""
            yield Finding(f"{node.name} is not Ready", node.name, Severity.DEGRADED, node.why, node.since,
                          f"inv node.status {node.name}{gone}")


@rule(here=("hub_node_silent",))
def kubelet_silent(look: Look) -> Found:
    """A kubelet has stopped to renew its lease, and Kubernetes has not noticed yet."""
    if look.api is None:
        return
    times = dict(renewed(look.api))
    newest = max(times.values(), default=datetime.now(UTC))
    ready = {node.name for node in look.api.nodes if node.ready}
    for name, at in times.items():
        if name in ready and newest - at > _SILENT:
            yield Finding(f"{name} is silent", name, Severity.DEGRADED, "its kubelet renews its lease no more", since(at.timestamp()),
                          f"inv node.status {name}")


@rule()
def node_missing(look: Look) -> Found:
    """A machine of hosts.yaml is not in the cluster."""
    known = {node.name for node in look.api.nodes} if look.api else set()
    for machine in look.rack.chicks if look.api else ():
        if machine.name not in known and machine.name not in look.off and machine.name not in look.unreachable:
            yield Finding(f"{machine.name} is in hosts.yaml, not in the cluster", machine.name, fix=f"inv node.add {machine.name}")


@rule()
def node_unknown(look: Look) -> Found:
    """A node of the cluster is not in hosts.yaml."""
    names = {machine.name for machine in look.rack.chicks}
    for node in look.api.nodes if look.api else ():
        if node.name not in names:
            yield Finding(f"{node.name} is in the cluster, not in hosts.yaml", node.name,
                          fix=f"put it into hosts.yaml, or: kubectl drain {node.name}, kubectl delete node {node.name}")


@rule()
def node_cordoned(look: Look) -> Found:
    """A node takes no new pods."""
    for node in look.api.nodes if look.api else ():
        if node.ready and not node.schedulable and node.name not in look.off:
            yield Finding(f"{node.name} takes no new pods (cordoned)", node.name, fix=f"kubectl uncordon {node.name}")


@rule(here=("pod_not_ready",))
def node_pressure(look: Look) -> Found:
    """A node runs short of memory, disk or processes, and ends pods."""
    for node in look.api.nodes if look.api else ():
        for told in node.pressures if node.ready else ():
            condition, _, message = told.partition(": ")
            yield Finding(f"{node.name} has {condition}", node.name, Severity.DEGRADED, message, fix=f"inv node.status {node.name}")


@rule()
def node_address_differs(look: Look) -> Found:
    """A node is in the cluster at another address than hosts.yaml says."""
    for node in look.api.nodes if look.api else ():
        machine = look.rack.machines.get(node.name)
        if machine and node.address and node.address != str(machine.address()):
            yield Finding(f"{node.name} is in the cluster at {node.address}, and hosts.yaml says {machine.address()}", node.name,
                          Severity.DEGRADED, fix=f"{apply(node.name)} --yes")


@rule()
def node_version_differs(look: Look) -> Found:
    """A kubelet runs at another version than versions.yaml says."""
    wanted = f"v{look.rack.versions.kubernetes.version}"
    for node in look.api.nodes if look.api else ():
        if node.kubelet and node.kubelet != wanted and node.name not in look.off:
            yield Finding(f"kubelet on {node.name} is {node.kubelet}, and configs/versions.yaml says {wanted}", node.name,
                          Severity.DEGRADED, fix="inv cluster.upgrade" if is_older(node.kubelet.removeprefix("v"), look) else
                          f"{apply(node.name)} --yes")


@rule()
def node_out_of_service(look: Look) -> Found:
    """A node is Ready and still has the taint of one that is out of service: no pod stays on it."""
    for node in look.api.nodes if look.api else ():
        if node.ready and any(taint.startswith("node.kubernetes.io/out-of-service:") for taint in node.taints):
            yield Finding(f"{node.name} is Ready and marked as out of service", node.name, Severity.DEGRADED,
                          fix=f"inv node.evict {node.name} --back")
