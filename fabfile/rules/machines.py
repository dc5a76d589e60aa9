"""Machines: whether they can be reached, and are who they should be."""

from __future__ import annotations

from collections import defaultdict

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, apply, on, on_shell, rule

_SLOW = ("TookTooLong", "NoShell")  # it is on, and lets the operator in
_NO_LOGIN = ("HostKeyUnknown", "HostKeyChanged", "KeyUnusable", "KeyRefused", "RootRefused")
_LOST = ("node_not_ready", "kubelet_silent", "bgp_sessions_missing", "pods_on_a_lost_node", "pod_not_ready", "workload_short",
         "node_missing", "pod_stuck_ending", "hub_node_silent", "service_without_endpoints", "calico_missing", "kube_proxy_missing")
_ANYWHERE = ("etcd_member_down", "workload_short", "bgp_sessions_missing", "hub_pod_not_ready", "pod_not_ready",
             "service_without_endpoints", "hub_api_silent")


@rule(everywhere=("machine_unreachable", "published_silent", "published_by_nobody"))
def rooster_unreachable(look: Look) -> Found:
    """rooster cannot be reached: every other machine is reached through it."""
    rooster = look.rack.gateway.name
    if (why := look.unreachable.get(rooster)) and why.kind not in (*_NO_LOGIN, *_SLOW):
        yield Finding(f"{rooster} cannot be reached", rooster, Severity.DOWN, why.problem,
                      fix=f"at its console: is it on, has it a link, its address and a route (ip -br address; ip route)? "
                          f"On {rooster} itself `inv doctor` shows the rest; by its BMC: inv node.power {rooster} status")


@rule(here=_LOST, everywhere=("api_down", *_ANYWHERE))
def machine_unreachable(look: Look) -> Found:
    """A machine that should be on cannot be reached by SSH."""
    for name, why in look.unreachable.items():
        machine = look.rack.machines[name]
        if name == look.rack.gateway.name or why.kind in (*_NO_LOGIN, *_SLOW):
            continue
        power = f"inv node.power {name} status" if machine.bmc and machine.bmc.protocol else f"switch {name} on, or look at its console"
        what = f"{name}, a control plane," if machine in look.rack.control_planes else name
        gone = f"; is it off for good: inv node.remove {name} --dead; in repair: `expect: off` in hosts.yaml" if machine.is_member else ""
        yield Finding(f"{what} cannot be reached", name, Severity.DEGRADED, why.problem, fix=f"{power}{gone}")


@rule(here=_LOST, everywhere=("api_down", *_ANYWHERE))
def machine_slow(look: Look) -> Found:
    """A machine lets the operator in, and does not answer in time: it has too much to do, or something of it hangs."""
    for name, why in look.unreachable.items():
        if why.kind in _SLOW:
            what = f"{name} does not answer in time" if why.kind == "TookTooLong" else f"{name} lets the operator in, and runs no command"
            asked = f"; if it has little to do: {why.hint}" if why.hint and why.kind == "NoShell" else ""
            yield Finding(what, name, Severity.DEGRADED, why.problem,
                          fix=f"fab -H {name} -- uptime; then {on(name, 'ps axo pid,stat,pcpu,cmd --sort -pcpu')}{asked}")


@rule()
def look_cut_short(look: Look) -> Found:
    """A machine did not tell in time all that it was asked: what it would have said is not known, and not among the findings."""
    for name, parts in look.cut_short.items():
        yield Finding(f"{name} did not tell all in time, so more may be wrong there", name, Severity.DEGRADED,
                      f"cut short: {', '.join(parts)}", fix=f"fab -H {name} -- uptime; inv doctor again when it has less to do")


@rule()
def host_key_differs(look: Look) -> Found:
    """A machine shows another SSH host key than hosts.yaml has, or none is pinned: it is not spoken to."""
    for name, why in look.unreachable.items():
        if why.kind in ("HostKeyChanged", "HostKeyUnknown"):
            yield Finding(f"{name} is not spoken to: its host key is not the one in hosts.yaml", name, Severity.DEGRADED, why.problem,
                          fix=f"was it installed again? inv rack.trust {name} shows the key before it is taken")


@rule()
def login_refused(look: Look) -> Found:
    """A machine does not let the operator in, or not as root."""
    for name, why in look.unreachable.items():
        if why.kind in ("KeyUnusable", "KeyRefused", "RootRefused"):
            yield Finding(f"{name} does not let the operator in", name, Severity.DEGRADED, why.problem,
                          fix=why.hint or "ssh-add KEY, then inv rack.check")


@rule()
def name_differs(look: Look) -> Found:
    """A machine calls itself something else than hosts.yaml does."""
    for name, state in look.machines.items():
        if (own := state.text("name")) not in ("", name):
            yield Finding(f"{name} calls itself {own}", name, Severity.DEGRADED, fix=apply(name))


@rule()
def machine_id_shared(look: Look) -> Found:
    """Two machines have the same machine-id, as copies of one disk do."""
    having = defaultdict(list)
    for name, state in look.machines.items():
        if state.text("id"):
            having[state.text("id")].append(name)
    for names in having.values():
        if len(names) > 1:
            yield Finding(f"{', '.join(names)} have the same machine-id", names[-1], Severity.DEGRADED,
                          fix=on_shell(names[-1], "rm /etc/machine-id; systemd-machine-id-setup") + f"; then inv node.reboot {names[-1]}")


@rule()
def unit_failed(look: Look) -> Found:
    """A systemd unit has failed that no other rule is about."""
    for name, state in look.machines.items():
        others = [unit for unit in state.words("failed") if unit.removesuffix(".service") not in state.units]
        if others:
            yield Finding(f"failed on {name}: {', '.join(others)}", name, Severity.DEGRADED,
                          fix=on(name, f"systemctl restart {' '.join(others)}"))


@rule()
def step_unverified(look: Look) -> Found:
    """A run has changed a machine and was ended before it verified that; not one that is still running."""
    for name, state in look.machines.items():
        if not look.run and (steps := state.lines("unverified")):
            yield Finding(f"{name} was changed by a run that did not verify it: {', '.join(steps)}", name, Severity.NOTICE,
                          fix=apply(name))


@rule()
def password_login(look: Look) -> Found:
    """sshd lets somebody in by a password."""
    for name, state in look.machines.items():
        if "passwordauthentication yes" in state.lines("sshd"):
            yield Finding(f"sshd on {name} accepts passwords", name, Severity.DEGRADED, fix=apply(name))


@rule(here=("unit_failed",))
def sshd_not_running(look: Look) -> Found:
    """sshd is not running: the next connection is refused."""
    for name, state in look.machines.items():
        unit = state.units.get("ssh")
        if unit and unit.loaded and not unit.runs and unit.active == "failed":
            yield Finding(f"sshd has failed on {name}: nobody else gets in", name, Severity.DEGRADED, since=unit.since,
                          fix=on(name, "systemctl restart ssh"))
