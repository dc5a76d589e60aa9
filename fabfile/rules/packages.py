"""Packages: Kubernetes' programs stay at the versions of configs/versions.yaml."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rack.versions import numbers
from fabfile.roles.programs import held_on_chicks
from fabfile.rules.rule import Found, apply, on, rule


@rule(here=("node_not_ready", "node_version_differs", "pod_not_ready", "kubelet_not_running", "calico_missing"))
def version_differs(look: Look) -> Found:
    """A held package has another version than versions.yaml says, as after a careless `apt upgrade`."""
    for name, state in look.members.items():
        wanted = held_on_chicks(look.rack)
        found = dict(part.split(" ", 1) for part in state.text("versions").strip(", ").split(", ") if part.count(" ") == 1)
        wrong = [f"{package} {found[package]}, should be {version.rstrip('*-')}" for package, version in wanted.items()
                 if version and found.get(package) and not _same(found[package], version)]
        if wrong:
            yield Finding(f"{name} has other versions than configs/versions.yaml", name, Severity.DEGRADED, "; ".join(wrong),
                          fix="inv cluster.upgrade" if is_older(found.get("kubelet", "").partition("-")[0], look) else
                          f"{apply(name)} --yes")


def is_older(kubelet: str, look: Look) -> bool:
    """Whether it is older than versions.yaml says: then cluster.upgrade alone changes it."""
    return bool(kubelet) and numbers(kubelet) < numbers(look.rack.versions.kubernetes.version)


def _same(found: str, wanted: str) -> bool:
    return found.startswith(wanted[:-1]) if wanted.endswith("*") else found == wanted


@rule()
def package_not_held(look: Look) -> Found:
    """A package of versions.yaml is installed and not on hold: the next `apt upgrade` moves it."""
    for name, state in look.members.items():
        if state.member and "held" in state.said:
            loose = sorted(package for package in held_on_chicks(look.rack)
                           if f"{package} " in state.text("versions") and package not in state.words("held"))
            if loose:
                yield Finding(f"not on hold on {name}: {', '.join(loose)}", name, Severity.DEGRADED, fix=apply(name))


@rule()
def upgrades_not_blocked(look: Look) -> Found:
    """unattended-upgrades is not told to leave Kubernetes' packages alone."""
    for name, state in look.members.items():
        if state.member and state.no("kept-from-upgrades"):
            yield Finding(f"unattended-upgrades may move Kubernetes' packages on {name}", name, Severity.NOTICE, fix=apply(name))


@rule(here=("kubelet_not_running", "containerd_not_running"))
def package_half_installed(look: Look) -> Found:
    """dpkg was interrupted: packages are unpacked and not configured."""
    for name, state in look.machines.items():
        if half := state.lines("half-installed"):
            yield Finding(f"packages are half installed on {name}", name, Severity.DEGRADED, ", ".join(half),
                          fix=on(name, "dpkg --configure -a"))


@rule()
def reboot_pending(look: Look) -> Found:
    """An update wants a reboot."""
    for name, state in look.machines.items():
        if "reboot" in state.said:
            yield Finding(f"{name} has updates that need a reboot", name, Severity.NOTICE, state.text("reboot"),
                          fix=f"inv node.reboot {name}" if look.rack.machines[name].is_member else on(name, "systemctl reboot"))
